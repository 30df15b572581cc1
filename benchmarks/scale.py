"""Measure steps of 1 to 64 robots of 1 to 8 simulators, on one host and two; fit a model of the costs; predict larger setups.

Run it with `.venv/bin/python benchmarks/scale.py folder:=scale`. Every setup is measured in each round, in its own process, and
kept in the folder, so the same command continues after an interruption; its figures are medians of the rounds. Two hosts are
two network namespaces (`ip netns`, as root), without shared memory between them; they share the cores of this machine. It
prints Markdown tables, as in docs/performance.md.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import processes
from rounds import say
from scale_model import TERMS, UNITS, Measured, Setup, errors, fit, predict

from rl_trainer_ros.bringup.setting_texts import from_words
from rl_trainer_ros.bringup.system import share_out
from robot_interface_ros.config import option

CORES = len(os.sched_getaffinity(0))
SETUPS = (
    *((1, 1, 1), (4, 1, 1), (16, 1, 1), (64, 1, 1), (4, 2, 1), (16, 2, 1), (64, 2, 1)),
    *((16, 4, 1), (64, 4, 1), (16, 8, 1), (64, 8, 1), (4, 1, 2), (16, 2, 2), (64, 2, 2)),
)
"""Robots, simulators, hosts."""
PLANNED = Setup(1000, 64, 64, 64)
HERE, THERE = "rl_scale_here", "rl_scale_there"


@dataclass(frozen=True)
class Options:
    """Settings of the measurement."""

    folder: str = option("scale", "folder of the results; setups that it has are not measured again")
    rounds: int = option(3, "measurements of each setup, in turns", minimum=1, maximum=100)
    chunks: int = option(5, "parts of a measurement; its figure is their median", minimum=1, maximum=1000)
    steps: int = option(1600, "steps in each part, of all robots together", minimum=64, maximum=1_000_000)
    setup: tuple[int, ...] = option((), "measure only this one: robots, simulators, hosts")


@contextmanager
def two_hosts() -> Iterator[None]:
    """Make two network namespaces, joined by a cable that carries multicast. Raises CalledProcessError if not permitted."""

    def ip(words: str) -> None:
        subprocess.run(["ip", *words.split()], check=True, capture_output=True)

    made = []
    try:
        for name in (HERE, THERE):
            ip(f"netns add {name}")
            made.append(name)
        ip(f"-n {HERE} link add cable type veth peer name cable netns {THERE}")
        for k, name in enumerate((HERE, THERE)):
            ip(f"-n {name} address add 10.213.8.{k + 1}/24 dev cable")
            for device in ("lo", "cable"):
                ip(f"-n {name} link set {device} up multicast on")
            ip(f"-n {name} route add 239.0.0.0/8 dev cable")
        yield
    finally:
        for name in made:
            subprocess.run(["ip", "netns", "delete", name], capture_output=True)


def surroundings(hosts: int) -> dict[str, str]:
    """Return the environment variables of trainer and simulators."""
    if hosts == 1:
        return {"ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"}
    return {"ROS_AUTOMATIC_DISCOVERY_RANGE": "SUBNET", "FASTDDS_BUILTIN_TRANSPORTS": "UDPv4"}


def measure_one(robots: int, simulators: int, hosts: int, options: Options) -> dict[str, float]:
    """Return microseconds of a step of all robots, and the processor time of the trainer's thread in it."""
    from many_robots import limited, make_robot_env

    from rl_trainer_ros.environments.vectorised.robot_vec_env import RobotVecEnv
    from rl_trainer_ros.ros.robot_client.shared_waiter import SharedWaiter
    from robot_interface_ros.ros.transport.runtime import Runtime

    domain = int(os.environ.get("ROS_DOMAIN_ID", "0")) or 101 + os.getpid() % 60
    os.environ.update(surroundings(hosts), ROS_DOMAIN_ID=str(domain))
    names = [f"/env_{i}" for i in range(robots)]
    shares = [{"namespaces": f"[{', '.join(share)}]"} for share in share_out(names, simulators)]
    prefix = ("ip", "netns", "exec", THERE) if hosts > 1 else ()
    started = [processes.start("robot_sim_ros.ros.robot_sim_node", share, prefix=prefix) for share in shares]
    try:
        for node in started:
            processes.hear(node, "serving")
        with Runtime(domain_id=domain, signals=False) as runtime:
            shared = SharedWaiter(runtime, names)
            make = partial(make_robot_env, transport="topics", runtime=runtime, shared=shared)
            vec_env = RobotVecEnv([limited(make(namespace=name)) for name in names], shared.fibers, names=names)
            generator, n = np.random.default_rng(0), max(4, options.steps // robots)
            vec_env.seed(0)
            walls, works = [], []
            for _ in range(options.chunks):
                vec_env.reset()
                actions = generator.uniform(-1.0, 1.0, (min(n, 100), robots, 5)).astype(np.float32)
                wall, work = time.perf_counter(), time.thread_time()
                for action in actions:
                    vec_env.step(action)
                walls.append((time.perf_counter() - wall) / len(actions) * 1e6)
                works.append((time.thread_time() - work) / len(actions) * 1e6)
            vec_env.close()
    finally:
        for node in started:
            processes.end(node)
    return {"step_us": statistics.median(walls), "trainer_cpu_us": statistics.median(works)}


def learner_us(robots: int) -> tuple[float, float]:
    """Return the learner's microseconds for one step of all robots: choosing the actions, and its share of an update.

    The settings are those of preset many_robots; `robots`: at most 512.
    """
    import gymnasium
    import torch
    from many_robots import make_robot_env
    from stable_baselines3.common.vec_env import DummyVecEnv

    from rl_trainer_ros.algorithms import hyperparameters
    from rl_trainer_ros.algorithms.learner import make_learner

    torch.set_num_threads(1)
    environment = make_robot_env()
    seen, moved = environment.observation_space, environment.action_space
    environment.close()

    class Still(gymnasium.Env):  # type: ignore[type-arg]
        """An environment that costs nothing."""

        observation_space, action_space = seen, moved

        def reset(self, *, seed: int | None = None, options: object = None) -> object:
            return np.zeros(seen.shape, np.float32), {}

        def step(self, action: object) -> object:
            return np.zeros(seen.shape, np.float32), 0.0, False, False, {}

    settings = hyperparameters("ppo", preset="many_robots")
    ppo = make_learner("ppo", DummyVecEnv([Still] * 16), settings, seed=0)
    ppo.learn(settings["n_steps"])
    updates = []
    for _ in range(3):
        begin = time.perf_counter()
        ppo.train()
        updates.append((time.perf_counter() - begin) / settings["n_steps"] * 1e6)
    rows, forwards = torch.zeros((robots, *seen.shape)), []
    with torch.no_grad():
        for _ in range(200):
            begin = time.perf_counter()
            ppo.policy(rows)
            forwards.append((time.perf_counter() - begin) * 1e6)
    return statistics.median(forwards), statistics.median(updates) * robots


def measured(options: Options) -> dict[tuple[int, int, int], Measured]:
    """Measure the setups that the folder has not, each in a process of its own; return the medians of the rounds."""
    folder = Path(options.folder)
    folder.mkdir(parents=True, exist_ok=True)
    found: dict[tuple[int, int, int], list[dict[str, float]]] = {}
    expected_s = 300.0 * options.rounds
    for k, setup in product(range(options.rounds), SETUPS):
        path = folder / f"{'_'.join(map(str, setup))}-{k}.json"
        if not path.is_file():
            robots, simulators, hosts = setup
            words = f"{robots} robots, {simulators} simulators, {hosts} hosts"
            say(f"round {k + 1} of {options.rounds}: {words}", expected_s)
            try:
                path.write_text(measured_apart(setup, options))
            except RuntimeError as error:
                say(f"not measured: {error}", expected_s)
                continue
        found.setdefault(setup, []).append(json.loads(path.read_text()))
    return {
        setup: Measured(*(statistics.median(row[name] for row in rows) for name in ("step_us", "trainer_cpu_us")))
        for setup, rows in found.items()
    }


def measured_apart(setup: tuple[int, int, int], options: Options) -> str:
    """Measure a setup in a process of its own, and return what it prints. Raises RuntimeError with the reason."""
    words = [sys.executable, __file__, f"setup:={list(setup)}", f"chunks:={options.chunks}", f"steps:={options.steps}"]
    prefix = ["ip", "netns", "exec", HERE] if setup[2] > 1 else []
    done = subprocess.run([*prefix, *words], capture_output=True, text=True, timeout=600.0)
    if done.returncode != 0:
        raise RuntimeError((done.stderr or done.stdout).strip().splitlines()[-1])
    return done.stdout.strip().splitlines()[-1]


def planned_as(robots: int, simulators: int, hosts: int) -> Setup:
    """Return a setup on this machine, whose hosts share its cores: one core is the trainer's."""
    return Setup(robots, simulators, hosts, cores=max(1, CORES - 1))


def report(found: Mapping[tuple[int, int, int], Measured], learner: tuple[float, float]) -> str:
    """Return the tables. `learner`: learner_us(PLANNED.robots)."""
    setups, times = [planned_as(*setup) for setup in found], list(found.values())
    costs, wrong = fit(setups, times), errors(setups, times)
    lines = [
        "| robots | simulators | hosts | steps/s | us a robot | of these the trainer's work | model, us a robot | error |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for setup, time_of, error in zip(setups, times, wrong):
        n, us = setup.robots, time_of.step_us
        lines.append(
            f"| {n} | {setup.processes} | {setup.hosts} | {1e6 * n / us:.0f} | {us / n:.0f} | {time_of.trainer_us / n:.0f} | "
            f"{us * (1.0 + error) / n:.0f} | {100 * error:+.0f} % |"
        )
    lines += [
        "",
        f"Error without its sign: median {100 * np.median(np.abs(wrong)):.0f} %; each row is predicted from the others.",
    ]
    lines += ["", "| cost | us | of |", "|---|---|---|"]
    lines += [f"| {name} | {cost:.0f} | {unit} |" for name, cost, unit in zip(TERMS, costs, UNITS)]
    plan = PLANNED
    shares = costs * plan.amounts
    step = predict(costs, plan)
    whole = step + sum(learner)
    lines += ["", f"{plan.robots} robots, {plan.processes} simulators on {plan.hosts} hosts:", ""]
    lines += ["| part of a step of all robots | ms | share |", "|---|---|---|"]
    parts = [*zip(TERMS, shares), ("policy", learner[0]), ("update", learner[1])]
    lines += [f"| {name} | {us / 1e3:.1f} | {100 * us / whole:.0f} % |" for name, us in parts]
    lines += [
        "",
        f"{1e6 * plan.robots / step:.0f} steps/s without a learner, {1e6 * plan.robots / whole:.0f} with PPO.",
    ]
    for hosts in (1, 4, 16):
        fewer = predict(costs, Setup(plan.robots, hosts, max(2, hosts), hosts))
        lines += [f"{hosts} host{'s' if hosts > 1 else ''}: {1e6 * plan.robots / fewer:.0f} steps/s without a learner."]
    return "\n".join(lines)


def main() -> int:
    """Measure, fit and print."""
    options = from_words(Options, sys.argv[1:], "benchmark")
    if options.setup:
        robots, simulators, hosts = options.setup
        print(json.dumps(measure_one(robots, simulators, hosts, options)))
        return 0
    try:
        with two_hosts():
            found = measured(options)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"two hosts are left out: {error}", file=sys.stderr)
        found = measured(options)
    print(report(found, learner_us(PLANNED.robots)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
