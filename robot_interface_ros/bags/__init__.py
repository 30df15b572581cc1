"""Bags of the robot contract's topics, in rosbag2's formats: written and read without ROS."""
