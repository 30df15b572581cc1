"""Test any robot and print its row for the table in docs/robots.md: whether it loads, holds its rest pose, and reaches targets.

    python benchmarks/public_robots.py arm.yaml other_robot.urdf folder/robot.urdf.xacro ...

A .yaml is a robot file. For a .urdf or .xacro the script makes a temporary robot file: the longest chain of movable joints
moves (`tip=LINK` after the file names its end), meshes that cannot be read are left out, and the rest pose needs little
effort. `name:=value` after a file is a xacro argument of it.

Each robot runs in its own process, so that a robot that ends its process gets a row too.
"""

from __future__ import annotations

import argparse
import json
import logging
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from robot_interface_ros.files.description import urdf_text
from robot_interface_ros.robot_config import load_robot
from robot_interface_ros.urdf.faults.lines import errors_with_line
from robot_interface_ros.urdf.faults.plausibility import gravity_torques
from robot_interface_ros.urdf.faults.repair import repair
from robot_interface_ros.urdf.robot_model import RobotModel

HOLD_STEPS, SPEED_STEPS, TARGETS = 40, 300, 20
HEADER = """| robot | moves | loads | warnings | rest held within | steps per CPU second | reaches |
|---|---|---|---|---|---|---|"""


def main() -> None:
    """Print the table, with a row for each robot when it is finished."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="+", help="robot files, each with tip=LINK and name:=value after it")
    parser.add_argument("--targets", type=int, default=TARGETS, help="targets for the scripted controller")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measured(options.words, options.targets)))
        return
    print(HEADER)
    for words in robots(options.words):
        command = [sys.executable, __file__, "--one", "--targets", str(options.targets), *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
        lines = done.stdout.strip().splitlines()
        result = json.loads(lines[-1]) if done.returncode == 0 and lines else {"error": f"exit code {done.returncode}"}
        print(row(words, result), flush=True)
        for line in [*result.get("warnings", []), *([result["error"]] if "error" in result else [])]:
            print(f"    {line}", file=sys.stderr)


def robots(words: list[str]) -> list[list[str]]:
    """Split the words before each file."""
    groups: list[list[str]] = []
    for word in words:
        if ":=" in word or word.startswith("tip="):
            groups[-1].append(word)
        else:
            groups.append([word])
    return groups


def row(words: list[str], result: dict[str, Any]) -> str:
    """Return one line of the table."""
    name = Path(words[0]).name + "".join(f" {word}" for word in words[1:])
    if "error" in result:
        return f"| {name} | | no: {result['error'][:160]} | | | | |"
    return (
        f"| {name} | {result['joints']} joints, {result['reach_m']:.2f} m | yes | {len(result['warnings'])} | "
        f"{result['sag']:.3f} rad | {result['steps_per_s']:,.0f} | {result['reached']} of {result['targets']} |"
    )


def measured(words: list[str], targets: int) -> dict[str, Any]:
    """Return the results of one robot; only `error` if it cannot be used."""
    warnings: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: warnings.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger().addHandler(handler)
    with tempfile.TemporaryDirectory() as folder:
        try:
            file = words[0] if words[0].endswith((".yaml", ".yml")) else made_up(words, Path(folder))
            return {**tried(str(file), targets), "warnings": warnings}
        except (ValueError, OSError) as error:
            return {"error": str(error).replace(str(Path(words[0]).parent), "..."), "warnings": warnings}


def tried(file: str, targets: int) -> dict[str, Any]:
    """Load a robot, let it hold for 2 s, step it, and let the scripted policy reach for targets."""
    from gymnasium.wrappers import TimeLimit

    from rl_trainer_ros.arm.scripted import ScriptedReach
    from rl_trainer_ros.environments.make_env import make_robot_env

    environment = make_robot_env(robot=file)
    environment.reset(seed=0)
    still = np.zeros(environment.action_space.shape, np.float32)  # type: ignore[arg-type]
    for _ in range(HOLD_STEPS):
        environment.step(still)
    sag = float(np.abs(environment.step_state.observation.position - environment.arm.description.rest).max())
    generator = np.random.default_rng(0)
    actions = generator.uniform(-1, 1, (SPEED_STEPS, *still.shape)).astype(np.float32)
    environment.reset()
    start = time.process_time()  # CPU time of this process only, independent of other load
    for action in actions:
        environment.step(action)
    steps_per_s = SPEED_STEPS / (time.process_time() - start)
    limited = TimeLimit(environment, environment.task.max_episode_steps)
    policy, reached = ScriptedReach(environment.arm, 0.05), 0
    for episode in range(targets):
        limited.reset(seed=episode)
        ended = False
        while not ended:
            _, _, terminated, truncated, info = limited.step(policy.act(environment.step_state))
            ended = terminated or truncated
        reached += bool(info["is_success"])
    return {
        "joints": len(environment.arm.names),
        "reach_m": environment.arm.length,
        "sag": sag,
        "steps_per_s": steps_per_s,
        "reached": reached,
        "targets": targets,
    }


def made_up(words: list[str], folder: Path) -> Path:
    """Write a robot file for a URDF or xacro: the longest chain of joints moves."""
    file, arguments, tip = Path(words[0]).resolve(), {}, ""
    for word in words[1:]:
        if word.startswith("tip="):
            tip = word.removeprefix("tip=")
        else:
            name, _, value = word.partition(":=")
            arguments[name] = value
    text = urdf_text(file, arguments)
    with errors_with_line(file, text):
        model = RobotModel.from_urdf(repair(text).text)
    if tip and tip not in model.links:
        model.chain(tip)  # raises the error that lists the links
    chains = {link: model.chain(link) for link in model.links}
    tip = tip or max(model.links, key=lambda link: (len(chains[link].joint_names), -model.links.index(link)))
    moving = [name for name in chains[tip].joint_names if model.joints[name].upper - model.joints[name].lower > 1e-4]
    settings = {
        "urdf": str(file),
        "xacro_arguments": arguments,
        "end_effector": tip,
        "articulated": ["arm"],
        "groups": {"arm": moving},
        "broken_meshes": "leave_out",
    }
    made = folder / f"{file.name.split('.')[0]}.yaml"
    made.write_text(yaml.safe_dump(settings))
    made.write_text(yaml.safe_dump({**settings, "rest": _rest(str(made))}))
    load_robot.cache_clear()
    return made


def _rest(file: str) -> dict[str, float]:
    """Return the pose, between zero and the middle of the limits, in which gravity loads the weakest joint least."""
    logging.disable(logging.WARNING)
    robot = load_robot(file)
    logging.disable(logging.NOTSET)
    limits, middle = robot.limits, (robot.limits.lower + robot.limits.upper) / 2
    zero = np.clip(0.0, limits.lower, limits.upper)
    generator = np.random.default_rng(0)
    shares = [0.25, 0.5, 0.0, 1.0, *generator.uniform(0, 1, (50, len(middle)))]

    def asked(rest: np.ndarray) -> float:
        torques = gravity_torques(robot.model, rest, robot.urdf)
        return max(abs(torques[name]) / effort for name, effort in zip(limits.names, limits.effort))

    poses = [zero + share * (middle - zero) for share in shares]
    best = next((pose for pose in poses if asked(pose) < 0.5), None)
    best = min(poses, key=asked) if best is None else best
    return {name: round(float(value), 3) for name, value in zip(limits.names, best)}


if __name__ == "__main__":
    main()
