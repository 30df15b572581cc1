"""The SRL node."""

import robot_interface_ros.ros  # noqa: F401  it checks the environment before rclpy is imported
