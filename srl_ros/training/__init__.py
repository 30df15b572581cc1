"""Training of encoders: from transitions and a configuration to a saved encoder with its figures and pictures."""

from srl_ros.training.loop import TrainingError, train

__all__ = ["TrainingError", "train"]
