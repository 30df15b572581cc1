"""Calibration: tables from joint positions to pulses, and the dialogue that makes them."""
