"""Several robots over topics: the same bits as alone, and a robot that dies loses only its own episode."""

from __future__ import annotations

import csv
import os
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rclpy")
from gymnasium.wrappers import TimeLimit
from test_faults import only_run, wait_for_steps

from rl_trainer_ros.environments.make_env import make_robot_env
from rl_trainer_ros.environments.vectorised.robot_vec_env import RobotVecEnv
from rl_trainer_ros.ros.robot_client.shared_waiter import SharedWaiter
from robot_interface_ros.ros.transport.runtime import Runtime

pytestmark = [pytest.mark.many_robots, pytest.mark.ros]
NAMES = tuple(f"/env_{i}" for i in range(4))
MAX_STEPS = 40


@pytest.fixture
def runtime(domain: int) -> Iterator[Runtime]:
    with Runtime(domain_id=domain) as made:
        yield made


@pytest.mark.equality
def test_robots_together_give_the_same_bits_as_each_alone_in_process(simulator: Callable, runtime: Runtime) -> None:
    """Ten robots of two simulators, of which one gets its commands in two parts.

    Their episodes have different lengths, so that resets fall between steps of others.
    """
    n, names = 10, [f"/env_{i}" for i in range(10)]
    simulator(namespaces=f"[{', '.join(names[1:5] + names[6:])}]")
    simulator(namespaces=f"[{names[0]}, {names[5]}]")
    shared = SharedWaiter(runtime, names)
    robots = [make_robot_env(transport="topics", namespace=name, runtime=runtime, shared=shared) for name in names]
    vec_env = RobotVecEnv([TimeLimit(robot, MAX_STEPS + 3 * i) for i, robot in enumerate(robots)], shared.fibers)
    steps = np.random.default_rng(3).uniform(-1.0, 1.0, (100, n, 5)).astype(np.float32)
    vec_env.seed(11)
    together: list[list[object]] = [[observation.tobytes()] for observation in vec_env.reset()]
    for actions in steps:
        observations, rewards, dones, infos = vec_env.step(actions)
        for i in range(n):
            together[i].append((observations[i].tobytes(), rewards[i].tobytes(), bool(dones[i]), infos[i]["distance"]))
    vec_env.close()
    for i in range(n):
        alone = TimeLimit(make_robot_env(), MAX_STEPS + 3 * i)
        rows: list[object] = [alone.reset(seed=11 + i)[0].tobytes()]
        for action in steps[:, i]:
            observation, reward, terminated, truncated, info = alone.step(action)
            done = terminated or truncated
            if done:
                observation, _ = alone.reset()
            rows.append((observation.tobytes(), np.float32(reward).tobytes(), done, info["distance"]))
        alone.close()
        assert rows == together[i], (
            f"robot {i} differs first at {[a == b for a, b in zip(rows, together[i])].index(False)}"
        )


def episodes(folder: Path, robot: int) -> list[dict[str, str]]:
    """Return the rows of one robot's monitor file."""
    with open((folder / str(robot) if robot else folder) / "monitor.csv") as stream:
        next(stream)
        return list(csv.DictReader(stream))


@pytest.mark.faults
@pytest.mark.timeout(300)
def test_one_of_four_simulators_is_killed_and_the_others_lose_nothing(start: Callable, tmp_path: Path) -> None:
    words = ["num_envs:=4", "sim_processes:=4", "num_timesteps:=20000", "log_interval_s:=0.2", f"log_dir:={tmp_path}"]
    words.append("checkpoint_every_steps:=0")  # a checkpoint ends episodes, which are then in no monitor file
    run = start("rl_trainer_ros.cli.main", "train", *words)
    wait_for_steps(run, 2000)
    victim = simulator_of(run, "/env_2")
    before = len(episodes(only_run(tmp_path), 2))
    os.kill(victim, signal.SIGKILL)
    line = run.wait_for("episode interrupted: ")
    assert re.search(r"episode interrupted: /env_2", line), line
    back = run.wait_for("/env_2 is back after")
    assert run.wait(200.0) == 0
    output = "\n".join(run.lines)
    assert output.count("episode interrupted") == 1 and "started again (1 of 3)" in output
    folder = only_run(tmp_path)
    counts = [len(episodes(folder, robot)) for robot in range(4)]
    assert counts[2] > before + 3, (counts, back)  # it produces episodes again
    done = re.search(r"finished after ([\d,]+) steps", output)
    assert done
    each = int(done.group(1).replace(",", "")) // 4
    for robot in (0, 1, 3):  # every step is in a whole episode but for the last, which the end cut
        lengths = sum(int(row["l"]) for row in episodes(folder, robot))
        assert each - 120 < lengths <= each
    assert sum(int(row["l"]) for row in episodes(folder, 2)) < each


def simulator_of(run: object, namespace: str) -> int:
    """Return the process id of the supervisor's child that simulates the robot in this namespace."""
    pid = run.process.pid  # type: ignore[attr-defined]
    for entry in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        words = Path(f"/proc/{entry}/cmdline").read_bytes().decode().split("\0")
        if "robot_sim_ros.ros.robot_sim_node" in words and any(f'"{namespace}"' in word for word in words):
            return int(entry)
    raise AssertionError(f"no simulator serves {namespace}")
