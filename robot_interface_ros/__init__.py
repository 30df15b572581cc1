"""The robot contract: robot model, kinematics, limits and the `Robot` protocol; only `ros/` uses ROS."""
