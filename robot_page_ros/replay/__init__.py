"""Shows a recorded bag on the page. No ROS here."""
