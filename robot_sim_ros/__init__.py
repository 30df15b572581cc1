"""A simulated robot in PyBullet that behaves like the real one; in `ros/`, the node that serves it."""
