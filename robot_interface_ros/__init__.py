"""The robot contract: robot model, kinematics, limits and the `Robot` protocol; what touches ROS lies in `ros/`."""
