#include "clock.h"

#include <avr/io.h>

void clock_begin() {
  TIMSK0 = 0;  // Arduino's core has it count milliseconds by interrupt
  TCCR0A = _BV(WGM01);
  TCCR0B = _BV(CS01) | _BV(CS00);  // 16 MHz / 64
  OCR0A = 249;
}

bool clock_ticked() {
  if (!(TIFR0 & _BV(OCF0A))) return false;
  TIFR0 = _BV(OCF0A);
  return true;
}
