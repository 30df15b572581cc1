// Pulses on up to 48 pins, one every 20 ms each, by timer 1.
//
// A round of 20 ms has eight windows of 2.5 ms, in each of which at most six servos pulse, and two or three where there are
// up to 24. The interrupt comes early and waits for the exact moment of an edge, so that nothing else the board does makes
// a pulse longer. A pulse that has begun is always finished.
#pragma once

#include <stdint.h>

const uint16_t LEAST_US = 544, MOST_US = 2496;

void servos_begin();

// Make a pin a servo's; there are no pulses before its first value. False where limits or pin are impossible: it is none then.
bool servo_attach(uint8_t pin, uint16_t min_us, uint16_t max_us);

// Give an attached servo its pulse; it is clipped to the limits. False for what is no servo or no pulse.
bool servo_write(uint8_t pin, uint16_t us);

void servo_detach(uint8_t pin);
void servos_detach_all();

// From now on servos go to the next value slowly, until they have reached it.
void servos_go_gently();

// End all pulses; a servo's next value starts them again, from the pulse that it had.
void servos_relax();
