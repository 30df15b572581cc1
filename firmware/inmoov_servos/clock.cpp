#include "clock.h"

#include <avr/io.h>

void clock_begin() {
  TIMSK0 = 0;  // Arduino's core has it count milliseconds by interrupt
  TCCR0B = 0;
  TCCR0A = _BV(WGM01);
  TCNT0 = 0;
  OCR0A = 249;
  TCCR0B = _BV(CS01) | _BV(CS00);  // 16 MHz / 64
}

bool clock_ticked() {
  if (!(TIFR0 & _BV(OCF0A))) return false;
  TIFR0 = _BV(OCF0A);
  return true;
}
