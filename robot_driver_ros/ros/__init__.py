"""The driver node."""

import robot_interface_ros.ros  # noqa: F401  checks the environment before rclpy is imported
