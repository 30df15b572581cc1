"""Measure steps per second and PPO with many robots: over topics, in one process, and in one process each.

Run it with `make bench`, or `.venv/bin/python benchmarks/many_robots.py seconds:=600 "robots:=[1,2,4,8]"`. Every figure is the
median of as many rounds as the time allows. The variants alternate within a round, so that other load of the machine affects
all of them. It prints Markdown tables, as in docs/performance.md.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial

import gymnasium
import torch
from random_steps import step_times
from rounds import rounds, say
from simulators import simulators
from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv, VecEnv

from rl_trainer_ros.algorithms import hyperparameters
from rl_trainer_ros.algorithms.learner import make_learner
from rl_trainer_ros.bringup.setting_texts import from_words
from rl_trainer_ros.bringup.system import share_out
from rl_trainer_ros.environments.frame_stack import limited
from rl_trainer_ros.environments.make_env import make_robot_env
from rl_trainer_ros.environments.vectorised.robot_vec_env import RobotVecEnv
from rl_trainer_ros.ros.robot_client.shared_waiter import SharedWaiter
from rl_trainer_ros.training.vec_envs import normalised
from robot_interface_ros.config import option
from robot_interface_ros.ros.transport.runtime import Runtime


@dataclass(frozen=True)
class Options:
    """Settings of the measurement."""

    seconds: float = option(145.0, "time for all rounds, s; a first round is always made", minimum=1.0, maximum=1e6)
    rounds: int = option(5, "largest number of rounds; every figure is their median", minimum=1, maximum=1000)
    steps: int = option(2000, "steps per measurement, of all robots together", minimum=100, maximum=1_000_000)
    ppo_steps: int = option(4096, "steps of PPO per measurement, including updates", minimum=2048, maximum=10_000_000)
    robots: tuple[int, ...] = option((1, 4, 8), "numbers of robots")
    sim_processes: tuple[int, ...] = option((1,), "numbers of simulators for all robots, over topics")


def one() -> gymnasium.Env:  # type: ignore[type-arg]
    """Make an environment with a robot in this process."""
    return limited(make_robot_env())


@contextmanager
def over_topics(robots: int, sim_processes: int, domain: int) -> Iterator[VecEnv]:
    """Serve robots over topics, in their own ROS domain."""
    names = [f"/env_{i}" for i in range(robots)]
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    shares = [{"namespaces": f"[{', '.join(share)}]"} for share in share_out(names, sim_processes)]
    with simulators(shares, {"ROS_DOMAIN_ID": str(domain)}), Runtime(domain_id=domain, signals=False) as runtime:
        shared = SharedWaiter(runtime, names)
        make = partial(make_robot_env, transport="topics", runtime=runtime, shared=shared)
        vec_env = RobotVecEnv([limited(make(namespace=name)) for name in names], shared.fibers, names=names)
        vec_env.reset()
        yield vec_env
        vec_env.close()


@contextmanager
def in_process(kind: Callable[[list[Callable[[], gymnasium.Env]]], VecEnv], robots: int) -> Iterator[VecEnv]:  # type: ignore[type-arg]
    """Simulate robots in the trainer, in one process or in one process each."""
    vec_env = kind([one] * robots)
    yield vec_env
    vec_env.close()


def step_rate(vec_env: VecEnv, steps: int) -> float:
    """Return the steps per second of all robots together, including resets."""
    times = step_times(vec_env, max(1, steps // vec_env.num_envs))
    return len(times) * vec_env.num_envs / sum(times)


def ppo_rate(vec_env: VecEnv, steps: int) -> float:
    """Return the steps per second of PPO, including updates."""
    settings = hyperparameters("ppo")
    vec_env.seed(0)
    learner = make_learner("ppo", normalised(vec_env, settings["gamma"]), settings, seed=0)
    begin = time.perf_counter()
    learner.learn(steps)
    return float(learner.num_timesteps / (time.perf_counter() - begin))


def measure(options: Options) -> tuple[dict[tuple[str, int], float], dict[tuple[str, int], float]]:
    """Return medians by variant and number of robots: steps per second, and steps per second of PPO."""
    torch.set_num_threads(1)
    steps: dict[tuple[str, int], list[float]] = {}
    ppo: dict[tuple[str, int], list[float]] = {}
    with ExitStack() as opened:
        domain = 101 + os.getpid() % 60
        ways: dict[tuple[str, int], VecEnv] = {}
        for robots in options.robots:
            say(f"{robots} robot{'s' if robots > 1 else ''} of each kind start", options.seconds)
            ways["DummyVecEnv", robots] = opened.enter_context(in_process(DummyVecEnv, robots))
            ways["SubprocVecEnv", robots] = opened.enter_context(in_process(SubprocVecEnv, robots))
            for sim_processes in [n for n in options.sim_processes if n <= robots]:
                domain += 1
                topics = f"topics, {sim_processes} simulator{'s' if sim_processes > 1 else ''}"
                ways[topics, robots] = opened.enter_context(over_topics(robots, sim_processes, domain))
        for _ in rounds("steps, then PPO", options.rounds, options.seconds):
            for way, vec_env in ways.items():
                steps.setdefault(way, []).append(step_rate(vec_env, options.steps))
            for way, vec_env in ways.items():
                say(f"PPO: {way[0]}, robots: {way[1]}", options.seconds)
                ppo.setdefault(way, []).append(ppo_rate(vec_env, options.ppo_steps))
    return tuple({way: statistics.median(rates) for way, rates in found.items()} for found in (steps, ppo))  # type: ignore[return-value]


def table(title: str, rates: Mapping[tuple[str, int], float], robots: tuple[int, ...]) -> list[str]:
    """Return one row per variant: steps per second for each number of robots, and its ratio to SubprocVecEnv."""
    ways = dict.fromkeys(way for way, _ in rates)
    lines = [f"| {title} | {' | '.join(f'{n} robots' if n > 1 else '1 robot' for n in robots)} |"]
    lines.append("|---" * (len(robots) + 1) + "|")
    for way in ways:
        cells = [
            f"{rates[way, n]:.0f} ({rates[way, n] / rates['SubprocVecEnv', n]:.2f})" if (way, n) in rates else ""
            for n in robots
        ]
        lines.append(f"| {way} | {' | '.join(cells)} |")
    return lines


def main() -> int:
    """Measure and print."""
    options = from_words(Options, sys.argv[1:], "benchmark")
    steps, ppo = measure(options)
    print("\n".join(table("steps/s (share of SubprocVecEnv)", steps, options.robots)), end="\n\n")
    print("\n".join(table("steps/s of PPO, updates included", ppo, options.robots)), end="\n\n")
    topics = max((rate for (way, _), rate in ppo.items() if way.startswith("topics")), default=float("nan"))
    processes = max(rate for (way, _), rate in ppo.items() if way == "SubprocVecEnv")
    print(
        f"PPO at its best number of robots: {topics:.0f} over topics, {processes:.0f} over SubprocVecEnv, "
        f"{topics / processes:.2f} of it"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
