// Firmata (github.com/firmata/protocol): bytes from the host to deeds, and what the board has to say to bytes.
#pragma once

#include <stdint.h>

// Say which protocol and which sketch this is.
void firmata_greet();

// Take the next byte from the host; true where it completes a message that was understood.
bool firmata_take(uint8_t byte);

// Forget the beginning of a message that has not ended.
void firmata_forget();

void firmata_say(const char *text);
void firmata_report_analog(uint8_t channel, uint16_t value);
