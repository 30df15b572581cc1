"""The emulated Arduino Mega: simavr runs the firmware that users flash; `build` builds it."""
