"""Real time without ROS: a robot that runs at a fixed rate, and its client."""
