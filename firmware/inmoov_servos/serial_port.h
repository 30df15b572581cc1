// The serial line at 57600 baud, without interrupts: the receiver itself holds two bytes, 0.35 ms, and loop() is faster.
#pragma once

#include <stdint.h>

void serial_begin();

// The next byte, or -1.
int serial_read();

// Queue a byte; it is lost where the queue is full.
void serial_write(uint8_t byte);

// The same, but it waits for room.
void serial_write_waiting(uint8_t byte);

// Hand a queued byte to the sender, if it is free.
void serial_send_waiting();
