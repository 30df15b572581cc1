"""Servos: from joint positions to pulses, and the record of the last pulses."""
