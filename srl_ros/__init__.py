"""Images to states: datasets, networks, training, metrics and the trained `Encoder`; what touches ROS lies in `ros/`."""
