"""Servo boards: the Firmata protocol, serial links and the mock Mega."""
