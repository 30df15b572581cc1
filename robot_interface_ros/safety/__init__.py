"""Limits that every command to a robot keeps, simulated or physical."""
