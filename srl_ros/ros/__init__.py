"""The SRL node."""
