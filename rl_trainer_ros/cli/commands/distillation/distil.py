"""`rl_trainer distil`: one student learns to act as several trained runs do."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from rl_trainer_ros.bringup.launch_arguments import part_of, with_parts
from rl_trainer_ros.bringup.ros_arguments import placed
from rl_trainer_ros.bringup.setting_texts import UsageError, parse_words, typed
from rl_trainer_ros.cli.command import Command
from rl_trainer_ros.distillation.distil_config import DistilConfig
from robot_interface_ros.command_lines import command_line
from robot_interface_ros.config import from_mapping
from robot_interface_ros.start import leaving_at_once

T = TypeVar("T")


def read(words: list[str]) -> DistilConfig:
    """Return the settings that the words after the command give."""
    return settings_from(DistilConfig, words, "distil")


def settings_from(cls: type[T], words: list[str], where: str) -> T:
    """Make a settings dataclass from words, also from parts such as `hyperparameters.net_arch:=[64]`."""
    texts = parse_words(words)
    parts = {name: texts.pop(name) for name in list(texts) if part_of(name)}
    joined = with_parts(texts, parts)
    known = {field.name for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    for name in parts:
        if not any(whole in known for whole in with_parts({}, {name: parts[name]})):
            raise UsageError(f"{where} has no setting {name}; rl_trainer {where} --help lists them")
    return from_mapping(cls, typed(cls, {**texts, **joined}), where)


def run_distillation(config: DistilConfig) -> int:
    """Record and teach, or only record; print the next command."""
    with leaving_at_once():
        from rl_trainer_ros.distillation.distil import distil, record_only

    def report(line: str) -> None:
        print(line, flush=True)

    with _robots(config) as make_robots:
        if config.output:
            folders = record_only(config, make_robots, report)
            print(f"teacher data in {', '.join(map(str, folders))}", flush=True)
        else:
            distil(config, make_robots, report)
    return 0


@contextmanager
def _robots(config: DistilConfig) -> Iterator[Any]:
    """Return the function that makes the robots to record on: None for simulated ones; over topics those in the namespaces.

    A continued distillation records on the robots that it began with.
    """
    if config.resume:
        with leaving_at_once():
            from rl_trainer_ros.distillation.plan import settings_of_run

        config = settings_of_run(config.resume, config.log_dir)
    if config.transport == "in_process":
        yield None
        return
    with leaving_at_once():
        from rl_trainer_ros.distillation.recording import served

    names = [placed(namespace) for namespace in config.namespaces]
    simulate = command_line("robots", f"namespaces:=[{', '.join(names)}]")
    print(f"records on the robots in {', '.join(names)}, over topics; {simulate} would simulate them", flush=True)
    with served(names) as make_robots:
        yield make_robots


COMMAND = Command(
    "distil",
    "teach one student to act as several trained runs do (policy distillation)",
    run_distillation,
    DistilConfig,
    examples=(
        "rl_trainer distil teachers:=runs/circular/ground_truth/ppo/A,runs/square/ground_truth/ppo/B task_labels:='[all]'",
        "rl_trainer distil teachers:=latest observation:=raw_pixels epochs:=20 student_rounds:=3",
        "rl_trainer distil teachers:=latest output:=data/circular set_size:=20000     # only records",
        "rl_trainer distil resume:=latest",
    ),
    read=read,
    over_topics=True,
)
