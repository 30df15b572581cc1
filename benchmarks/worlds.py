"""Measure the time of a simulated step in each world, in microseconds and relative to `reach` in the same run.

`.venv/bin/python benchmarks/worlds.py rounds:=15`. The worlds alternate within a round, so that other load of the machine
affects all of them; figures are medians. A scripted hand presses the button, or follows the target. It prints a Markdown
table, as in docs/worlds.md.
"""

from __future__ import annotations

import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rl_trainer_ros.arm.arm import Arm, StepState
from rl_trainer_ros.bringup.setting_texts import from_words
from robot_interface_ros.config import option
from robot_interface_ros.robot import Command, Episode
from robot_interface_ros.safety.safe_robot import SafeRobot
from robot_sim_ros.pybullet_robot import make_robot
from robot_sim_ros.sim_config import SimConfig
from robot_sim_ros.world.config import world_names

sys.path.append(str(Path(__file__).resolve().parents[1] / "test" / "helpers"))
from scripted_press import ScriptedPress

BASE = "reach"


@dataclass(frozen=True)
class Options:
    """Settings of the measurement."""

    rounds: int = option(15, "rounds; every figure is their median", minimum=1, maximum=1000)
    steps: int = option(200, "control periods of each world in a round", minimum=10, maximum=100_000)


def step_us(robot: SafeRobot, arm: Arm, steps: int, seed: int) -> float:
    """Return the time per `send` and `receive`, without the computation of the scripted policy, microseconds."""
    policy, observation, spent = ScriptedPress(arm, 0.05), robot.reset(Episode(seed)), 0.0
    for _ in range(steps):
        action = policy.act(StepState(observation, arm.hand(observation.position)))
        target = observation.joint_target[arm.indices] + action * arm.velocity * 0.05
        command = Command(observation.stamp, arm.names, np.asarray(target, dtype=np.float64))
        start = time.perf_counter()
        robot.send(command)
        observation = robot.receive()
        spent += time.perf_counter() - start
    return spent / steps * 1e6


def figures(spent: dict[tuple[str, bool], list[float]], name: str, contact: bool) -> list[tuple[float, str]]:
    """Return a world's time and its ratio to that of `reach` in the same round, as medians, formatted."""
    own, base = spent[name, contact], spent[BASE, False]
    return [(statistics.median(own), ".0f"), (statistics.median(a / b for a, b in zip(own, base)), ".2f")]


def main() -> int:
    """Measure and print."""
    options = from_words(Options, sys.argv[1:], "benchmark")
    names = [BASE, *(name for name in world_names() if name != BASE)]
    settings = {(name, contact): SimConfig(world=name, contact=contact) for name in names for contact in (False, True)}
    robots = {key: make_robot(config) for key, config in settings.items()}
    arm = Arm(SimConfig().load_robot())
    spent: dict[tuple[str, bool], list[float]] = {key: [] for key in robots}
    for k in range(options.rounds):
        print(f"round {k + 1} of {options.rounds}", file=sys.stderr, flush=True)
        for key, robot in robots.items():
            spent[key].append(step_us(robot, arm, options.steps, seed=k))
    print("| world | us a step | of reach | us with contact | of reach |\n|---|---|---|---|---|")
    for name in names:
        cells = [f"{figure:{form}}" for contact in (False, True) for figure, form in figures(spent, name, contact)]
        print(f"| `{name}` | {' | '.join(cells)} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
