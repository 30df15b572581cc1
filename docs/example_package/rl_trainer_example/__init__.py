"""An example package that adds a task, a robot and an algorithm to rl_trainer_ros."""

from pathlib import Path

from rl_trainer_ros.algorithms import Algorithm

CRANE = str(Path(__file__).parent / "robots" / "crane.yaml")
HILL_CLIMBING = Algorithm(
    "rl_trainer_example.hill_climbing:HillClimbing",
    actions=("continuous", "discrete"),
    policies={"mlp": "MlpPolicy", "linear": "LinearPolicy"},
    description="random changes of the policy; keeps the best",
    settings=str(Path(__file__).parent / "hill_climbing.yaml"),
)
