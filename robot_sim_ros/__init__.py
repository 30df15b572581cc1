"""A simulated robot in PyBullet that behaves like the physical one. `ros/` has the node that serves it."""
