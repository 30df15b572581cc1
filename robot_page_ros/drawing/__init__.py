"""The 3-D scene: the shapes of a robot, its target, markers, and other robots beside it."""
