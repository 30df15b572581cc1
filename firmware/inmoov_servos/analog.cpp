#include "analog.h"

#include <avr/io.h>

#include "firmata.h"

static const uint8_t CHANNELS = 16;
static uint16_t watched, waiting;  // a bit for each channel
static uint16_t interval_ms = 20, passed_ms;
static uint8_t channel = CHANNELS;  // that is being converted; CHANNELS: none

static uint16_t bit_of(uint8_t number) {
  return (uint16_t)1 << number;
}

void analog_begin() {
  watched = waiting = 0;
  ADCSRA = _BV(ADEN) | _BV(ADPS2) | _BV(ADPS1) | _BV(ADPS0);  // 125 kHz, 0.1 ms a conversion
}

void analog_watch(uint8_t number, bool enabled) {
  watched = enabled ? watched | bit_of(number) : watched & ~bit_of(number);
}

void analog_every(uint16_t milliseconds) {
  interval_ms = milliseconds ? milliseconds : 1;
}

void analog_tick() {
  if (++passed_ms < interval_ms) return;
  passed_ms = 0;
  waiting = watched;
}

void analog_turn() {
  if (channel < CHANNELS) {
    if (ADCSRA & _BV(ADSC)) return;
    if (watched & bit_of(channel)) firmata_report_analog(channel, ADC);
    channel = CHANNELS;
  }
  if (!waiting) return;
  for (channel = 0; !(waiting & bit_of(channel));) channel++;
  waiting &= ~bit_of(channel);
  ADMUX = _BV(REFS0) | (channel & 7);  // against 5 V
  ADCSRB = channel & 8;                // MUX5
  ADCSRA |= _BV(ADSC);
}
