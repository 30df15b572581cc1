"""Measure the overhead of topics: steps per second in process and over topics, in the same run.

Run it with `make bench`, or `.venv/bin/python benchmarks/transport.py seconds:=300`. Every figure is the median of as many
rounds as the time allows. The variants alternate within a round, so that other load of the machine affects all of them. It
prints a Markdown table, as in docs/performance.md.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace

import numpy as np
from rounds import rounds, say
from simulators import simulators

from rl_trainer_ros.bringup.setting_texts import from_words
from rl_trainer_ros.environments.environment import RobotEnv
from rl_trainer_ros.environments.make_env import make_robot_env
from rl_trainer_ros.training.train import TrainingRun
from rl_trainer_ros.training.trainer_config import TrainerConfig
from robot_interface_ros.config import option
from robot_interface_ros.robot import Command, Episode
from robot_interface_ros.robot_config import load_robot
from robot_sim_ros.pybullet_robot import make_robot

WAYS = {"direct": "wait set made once, direct takes", "executor": "SingleThreadedExecutor.spin_once"}


@dataclass(frozen=True)
class Options:
    """Settings of the measurement."""

    seconds: float = option(75.0, "time for all rounds, s; a first round is always made", minimum=1.0, maximum=1e6)
    rounds: int = option(5, "largest number of rounds; every figure is their median", minimum=1, maximum=1000)
    steps: int = option(1000, "environment steps per measurement", minimum=100, maximum=1_000_000)
    ppo_steps: int = option(4096, "environment steps of PPO per measurement", minimum=4096, maximum=10_000_000)


def surroundings(way: str, domain: int) -> dict[str, str]:
    """Return the environment variables of a process that uses one of WAYS to wait."""
    return {"RL_TRAINER_WAITER": way, "ROS_DOMAIN_ID": str(domain), "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"}


def topic_env(way: str, domain: int) -> RobotEnv:
    """Make an environment over topics whose client uses one of WAYS to wait."""
    os.environ.update(surroundings(way, domain))
    return make_robot_env(transport="topics")


def step_us(environment: RobotEnv, steps: int) -> float:
    """Return the mean time of one environment step without resets, microseconds."""
    generator = np.random.default_rng(0)
    actions = generator.uniform(-1.0, 1.0, (steps, 5)).astype(np.float32)
    spent = 0.0
    for begin in range(0, steps, 100):
        environment.reset(seed=begin)
        start = time.perf_counter()
        for action in actions[begin : begin + 100]:
            environment.step(action)
        spent += time.perf_counter() - start
    return spent / steps * 1e6


def ppo_rate(make_env: Callable[[str], RobotEnv], steps: int) -> float:
    """Return the steps per second of PPO, including updates."""
    with tempfile.TemporaryDirectory() as folder:
        config = replace(TrainerConfig(), num_timesteps=steps, log_dir=folder, log_interval_s=3600.0)
        result = TrainingRun(config, make_env).run(report=lambda line: None)
        return result.num_timesteps / result.training_s


def parts_us(steps: int) -> dict[str, float]:
    """Return the time of the parts of a step, microseconds, each measured alone in this process."""
    from geometry_msgs.msg import PoseStamped
    from rclpy.serialization import deserialize_message, serialize_message
    from sensor_msgs.msg import JointState

    from robot_interface_ros.ros.transport import messages

    description, robot = load_robot("inmoov"), make_robot()
    observation = robot.reset(Episode(0, (0.4, -0.3, 1.2)))
    generator = np.random.default_rng(0)
    offsets = generator.uniform(-0.0175, 0.0175, (steps, 5))

    start = time.perf_counter()
    for offset in offsets:
        robot.send(Command(observation.stamp, robot.joint_names, observation.joint_target + offset))
        observation = robot.receive()
    physics = time.perf_counter() - start

    names = description.joint_names
    state_writer, command_writer = messages.JointStateWriter(names), messages.JointStateWriter(names)
    pose_writer, stamp = messages.PoseWriter("env_0/base_link"), observation.stamp
    start = time.perf_counter()
    for _ in range(steps):
        state = serialize_message(
            state_writer.write(stamp, observation.position, observation.velocity, observation.effort)
        )
        pose = serialize_message(pose_writer.write(stamp, observation.target_position))
        command = serialize_message(command_writer.write(stamp, observation.position))
        messages.joint_state_to_arrays(deserialize_message(state, JointState), names)
        messages.pose_position(deserialize_message(pose, PoseStamped))
        messages.command_from_message(deserialize_message(command, JointState))
    serialisation = time.perf_counter() - start
    return {
        "physics and limits": physics / steps * 1e6,
        "messages <-> arrays, serialisation": serialisation / steps * 1e6,
    }


def measure(options: Options) -> tuple[dict[str, float], dict[str, float], dict[str, float]]:
    """Return medians: microseconds per step by variant, steps per second of PPO by variant, microseconds by part."""
    domains = {
        (robot, client): 60 + (os.getpid() * 4 + k) % 40
        for k, (robot, client) in enumerate((robot, client) for robot in WAYS for client in WAYS)
    }
    steps: dict[str, list[float]] = {}
    rates: dict[str, list[float]] = {}
    parts: list[dict[str, float]] = []
    half = options.seconds / 2.0
    with ExitStack() as nodes:
        say("simulators start", options.seconds)
        for (robot, _), domain in domains.items():
            nodes.enter_context(simulators([{}], surroundings(robot, domain)))
        environments = {f"{robot} / {client}": topic_env(client, domain) for (robot, client), domain in domains.items()}
        environments["in process"] = make_robot_env()
        for _ in rounds("environment steps", options.rounds, half):
            for name, environment in environments.items():
                steps.setdefault(name, []).append(step_us(environment, options.steps))
            parts.append(parts_us(options.steps))
        for environment in environments.values():
            environment.close()
        for _ in rounds("PPO", options.rounds, options.seconds):
            rates.setdefault("in process", []).append(ppo_rate(lambda _: make_robot_env(), options.ppo_steps))
            rates.setdefault("topics", []).append(
                ppo_rate(lambda _: topic_env("direct", domains["direct", "direct"]), options.ppo_steps)
            )
    return (
        {name: statistics.median(values) for name, values in steps.items()},
        {name: statistics.median(values) for name, values in rates.items()},
        {name: statistics.median(part[name] for part in parts) for name in parts[0]},
    )


def report(steps: dict[str, float], rates: dict[str, float], parts: dict[str, float]) -> str:
    """Return the tables."""
    in_process = steps["in process"]
    lines = ["| one robot | us a step | steps/s | of in process | overhead, us |", "|---|---|---|---|---|"]
    for name, microseconds in steps.items():
        where = name if name == "in process" else f"topics, robot / trainer wait: {name}"
        lines.append(
            f"| {where} | {microseconds:.0f} | {1e6 / microseconds:.0f} | {in_process / microseconds:.2f} | "
            f"{microseconds - in_process:.0f} |"
        )
    lines += ["", "| PPO, updates included | steps/s | of in process |", "|---|---|---|"]
    lines += [f"| {name} | {rate:.0f} | {rate / rates['in process']:.2f} |" for name, rate in rates.items()]
    fastest = steps["direct / direct"]
    rest = {"environment (kinematics, observation, reward)": in_process - parts["physics and limits"]}
    rest["transport and waiting"] = fastest - in_process - parts["messages <-> arrays, serialisation"]
    lines += ["", "| where a step over topics goes (direct / direct) | us | share |", "|---|---|---|"]
    lines += [f"| {name} | {value:.0f} | {100 * value / fastest:.0f} % |" for name, value in {**parts, **rest}.items()]
    lines += ["", *(f"{name}: {meaning}" for name, meaning in WAYS.items())]
    return "\n".join(lines)


def main() -> int:
    """Measure and print."""
    print(report(*measure(from_words(Options, sys.argv[1:], "benchmark"))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
