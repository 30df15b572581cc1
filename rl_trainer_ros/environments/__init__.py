"""Robots as Gymnasium environments: tasks, actions, observations, and several robots at once."""
