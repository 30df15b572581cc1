"""Limits for all commands to a robot, simulated or physical."""
