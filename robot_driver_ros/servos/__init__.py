"""Servos: from joint positions to pulses, the hardware file, and the pulse journal."""
