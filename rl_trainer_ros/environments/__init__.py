"""Gymnasium environments, composed of robot, task, action and observation, for one robot or several."""
