"""Nodes that serve a robot on the topics of the contract."""
