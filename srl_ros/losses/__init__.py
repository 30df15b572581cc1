"""Losses: pure functions of tensors, each with its source. `srl_ros.objectives` gives them their networks and data."""
