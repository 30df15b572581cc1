"""An Arduino Mega without hardware: simavr runs the firmware that users flash; `build` makes it ready."""
