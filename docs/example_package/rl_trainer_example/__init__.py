"""An example of a package that brings a task and a robot to rl_trainer_ros."""

from pathlib import Path

CRANE = str(Path(__file__).parent / "robots" / "crane.yaml")
