"""The trainer over ROS 2: the client of a robot over topics, and the trainer node."""

import robot_interface_ros.ros  # noqa: F401  it checks the environment before rclpy is imported
