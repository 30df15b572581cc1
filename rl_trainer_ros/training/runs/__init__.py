"""Run folders: files, logs, tables, and the record of the robot's files."""
