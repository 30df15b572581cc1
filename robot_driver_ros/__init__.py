"""Physical robots and what stands in for them; in `ros/`, the node that serves them."""
