"""Measure the accuracy of the scripted policy with each imperfection: `python benchmarks/imperfection.py [name ...]`.

It prints a Markdown table. Episodes continue after success; the position of the hand at their end is evaluated. "As reported"
means computed from the robot's readings, as task and policy do; "really" means the true position of the simulated hand. It
runs in process, without ROS.
"""

from __future__ import annotations

import argparse

import numpy as np
from gymnasium.wrappers import TimeLimit
from numpy.typing import NDArray

from rl_trainer_ros.arm.scripted import ScriptedReach
from rl_trainer_ros.environments.environment import RobotEnv
from rl_trainer_ros.environments.make_env import make_robot_env
from rl_trainer_ros.evaluation.episodes import UNSEEN_SEED


def run(environment: RobotEnv, episodes: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the distances at the end of `episodes` episodes with unseen targets, m: as reported, and really."""
    limited, arm = TimeLimit(environment, environment.task.max_episode_steps), environment.arm
    plant = environment.robot.plant  # type: ignore[attr-defined]  # the robot inside of the limits
    reported, really = [], []
    for episode in range(episodes):
        policy = ScriptedReach(arm, environment.robot.period_ns * 1e-9)
        limited.reset(seed=UNSEEN_SEED + episode)
        ended = False
        while not ended:
            *_, terminated, truncated, info = limited.step(policy.act(environment.step_state))
            ended = terminated or truncated
        truth = plant.truth if hasattr(plant, "truth") else environment.step_state.observation
        reported.append(info["distance"])
        really.append(float(np.linalg.norm(arm.hand(truth.position) - truth.target_position)))
    environment.close()
    return np.array(reported), np.array(really)


def main() -> None:
    """Print one row for each name."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=["none", "mild", "stock_servos", "strong"])
    parser.add_argument("--episodes", type=int, default=200)
    parser.add_argument(
        "--within",
        type=float,
        default=0.03,
        help="largest distance at the end, m; the default is the task's success_distance_m",
    )
    options = parser.parse_args()
    near = f"within {options.within * 100:g} cm at the end"
    print(f"| imperfection | {near}, as reported | {near}, really | real distance, median (90 %) |")
    print("|---|---|---|---|")
    for name in options.names:
        reported, really = run(
            make_robot_env(simulation={"imperfection": name}, end_at_success=False), options.episodes
        )
        shares = [f"{100.0 * (distances <= options.within).mean():.0f} %" for distances in (reported, really)]
        median, high = np.quantile(really, (0.5, 0.9)) * 1e3
        print(f"| {name} | {shares[0]} | {shares[1]} | {median:.0f} mm ({high:.0f} mm) |", flush=True)


if __name__ == "__main__":
    main()
