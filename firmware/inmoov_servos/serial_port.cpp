#include "serial_port.h"

#include <avr/io.h>

static uint8_t queue[128];  // a power of two
static uint8_t first, count;

void serial_begin() {
  UCSR0A = _BV(U2X0);
  UBRR0 = 34;  // 16 MHz / 8 / 35 = 57143 baud
  UCSR0C = _BV(UCSZ01) | _BV(UCSZ00);
  UCSR0B = _BV(RXEN0) | _BV(TXEN0);
}

int serial_read() {
  return UCSR0A & _BV(RXC0) ? UDR0 : -1;
}

void serial_write(uint8_t byte) {
  if (count == sizeof queue) return;
  queue[(uint8_t)(first + count) % sizeof queue] = byte;
  count++;
}

void serial_write_waiting(uint8_t byte) {
  while (count == sizeof queue) serial_send_waiting();
  serial_write(byte);
}

void serial_send_waiting() {
  if (!count || !(UCSR0A & _BV(UDRE0))) return;
  UDR0 = queue[first];
  first = (uint8_t)(first + 1) % sizeof queue;
  count--;
}
