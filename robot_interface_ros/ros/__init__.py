"""The robot contract over ROS 2: names, messages, waiting, parameters and the server."""

from robot_interface_ros.ros_environment import check_middleware

check_middleware()  # before anything of this package imports rclpy, which would end the process without a remedy
