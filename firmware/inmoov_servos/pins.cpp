#include "pins.h"

#include <avr/io.h>
#include <avr/pgmspace.h>

// Port and bit of pins 0 to 69, as they are printed on the board.
static const char PLACES[] PROGMEM =
    "E0E1E4E5G5E3H3H4H5H6B4B5B6B7J1J0H1H0D3D2D1D0A0A1A2A3A4A5A6A7C7C6C5C4C3C2C1C0D7G2G1G0L7L6L5L4L3L2L1L0"
    "B3B2B1B0F0F1F2F3F4F5F6F7K0K1K2K3K4K5K6K7";

static volatile uint8_t *port_of(char letter) {
  switch (letter) {
    case 'A': return &PORTA;
    case 'B': return &PORTB;
    case 'C': return &PORTC;
    case 'D': return &PORTD;
    case 'E': return &PORTE;
    case 'F': return &PORTF;
    case 'G': return &PORTG;
    case 'H': return &PORTH;
    case 'J': return &PORTJ;
    case 'K': return &PORTK;
    default: return &PORTL;
  }
}

Output make_output(uint8_t pin) {
  char letter = pgm_read_byte(&PLACES[2 * pin]);
  uint8_t mask = 1 << (pgm_read_byte(&PLACES[2 * pin + 1]) - '0');
  volatile uint8_t *port = port_of(letter);
  *(port - 1) |= mask;  // DDRx lies below PORTx; PORTx is 0 since the reset
  return {port, mask};
}
