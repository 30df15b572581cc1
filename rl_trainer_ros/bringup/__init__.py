"""Bring-up: from launch arguments to processes, and the supervisor that runs them where there is no ros2 launch."""
