// What happens when the host falls silent.
#pragma once

#include <stdint.h>

// After `hold_ms` without a message servos hold, after `relax_ms` they go limp; 0: never.
void watchdog_set(uint16_t hold_ms, uint16_t relax_ms);

// A message has come.
void watchdog_heard();

// A millisecond has passed.
void watchdog_tick();
