"""Cameras of the simulated robot and the renderers that draw their images."""
