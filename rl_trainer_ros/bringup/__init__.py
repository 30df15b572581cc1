"""Bring-up: from launch arguments to processes, and a supervisor that runs them without ros2 launch."""
