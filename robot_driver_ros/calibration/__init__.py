"""Calibration: the dialogue that measures servos, and the hardware file that it writes."""
