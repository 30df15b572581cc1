"""Images to states: datasets, networks, training, metrics and the trained `Encoder`; code that uses ROS is in `ros/`."""
