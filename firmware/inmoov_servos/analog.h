// Analog inputs A0 to A15, read in turn without waiting and reported at an interval.
#pragma once

#include <stdint.h>

// Watch none.
void analog_begin();

void analog_watch(uint8_t channel, bool enabled);
void analog_every(uint16_t interval_ms);

// A millisecond has passed.
void analog_tick();

// Take a finished conversion, begin the next.
void analog_turn();
