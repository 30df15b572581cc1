"""Servo boards: the Firmata protocol, serial ports, and boards that stand in for real ones."""
