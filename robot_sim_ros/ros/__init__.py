"""The simulator node."""

import robot_interface_ros.ros  # noqa: F401  this import checks the environment before rclpy is imported
