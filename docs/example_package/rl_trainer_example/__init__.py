"""An example package that adds a task, a robot, an algorithm and a state representation to rl_trainer_ros."""

from pathlib import Path

from rl_trainer_ros.algorithms import Algorithm
from srl_ros.methods import Method

CRANE = str(Path(__file__).parent / "robots" / "crane.yaml")
HILL_CLIMBING = Algorithm(
    "rl_trainer_example.hill_climbing:HillClimbing",
    actions=("continuous", "discrete"),
    policies={"mlp": "MlpPolicy", "linear": "LinearPolicy"},
    description="random changes of the policy; keeps the best",
    settings=str(Path(__file__).parent / "hill_climbing.yaml"),
)
BRIGHTNESS = Method(
    "reconstructs the image, and knows how bright it is",
    losses="autoencoder:1 brightness:0.1",
    own_losses={"brightness": "rl_trainer_example.brightness:Brightness"},
)
