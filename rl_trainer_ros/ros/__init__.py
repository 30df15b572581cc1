"""The trainer over ROS 2: a robot behind topics, and the trainer node."""
