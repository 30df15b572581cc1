"""Shared by clients and servers of the robot contract: names, messages, waiting, quality of service."""
