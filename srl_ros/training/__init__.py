"""Training: a source of transitions and a configuration in, a saved encoder with its figures and pictures out."""

from srl_ros.training.loop import TrainingError, train

__all__ = ["TrainingError", "train"]
