"""Cameras of the simulated robot, and the renderers of their images."""
