"""Drivers of physical robots, and mock and emulated boards; `ros/`: the driver node."""
