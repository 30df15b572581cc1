"""Run folders: their files, logs and tables, and the robot files that they keep."""
