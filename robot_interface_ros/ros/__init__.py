"""The robot contract over ROS 2: names, messages, waiting, parameters and the server."""
