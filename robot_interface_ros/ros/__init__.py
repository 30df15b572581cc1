"""The robot contract over ROS 2: transport, servers, contract check, and programs for users of a robot."""

from robot_interface_ros.ros_environment import check_middleware

check_middleware()  # before the first import of rclpy, which would end the process without naming a remedy
