// Milliseconds without an interrupt, which would hold up the ends of pulses.
#pragma once

void clock_begin();

// Whether a millisecond has passed since the last time this was true. To be asked more often than that.
bool clock_ticked();
