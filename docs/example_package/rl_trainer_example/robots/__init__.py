"""Descriptions of robots."""
