"""Serves robots on the topics and services of the robot contract."""
