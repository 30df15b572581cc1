// The Mega's digital pins.
#pragma once

#include <stdint.h>

const uint8_t FIRST_PIN = 2, LAST_PIN = 69;  // 0 and 1 are the serial line's

struct Output {
  volatile uint8_t *port;
  uint8_t mask;
};

// Make a pin an output, low. FIRST_PIN <= pin <= LAST_PIN.
Output make_output(uint8_t pin);
