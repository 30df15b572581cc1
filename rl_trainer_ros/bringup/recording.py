"""Which processes a recording over topics has: the robots' as for a training, and the recorder in the trainer's place."""

from __future__ import annotations

import dataclasses
import os
import signal
from collections.abc import Mapping
from typing import Any

from rl_trainer_ros.bringup.launch_arguments import Argument, BringupConfig, part_of, resolve_values
from rl_trainer_ros.bringup.process import Process
from rl_trainer_ros.bringup.robot_checks import SIMULATOR
from rl_trainer_ros.bringup.ros_arguments import RosArguments
from rl_trainer_ros.bringup.setting_texts import default_text, description, from_words
from rl_trainer_ros.bringup.system import NO_ROS_ARGUMENTS, SAVING_TIMEOUT_S, System, robots
from rl_trainer_ros.environments.env_config import EnvConfig
from rl_trainer_ros.recording.record_config import RecordConfig
from robot_interface_ros.config import ConfigError, unknown_name

RECORDER = "recorder"
GIVE_UP_S = 120.0
_NOT_TOLD = ("transport", "namespaces", "num_envs", "realtime")
"""Settings of the recorder that follow from the robots that are started."""
_OF_THE_ROBOTS = {field.name for cls in (EnvConfig, BringupConfig) for field in dataclasses.fields(cls)} | {
    "namespaces"
}


def recording_arguments() -> tuple[Argument, ...]:
    """Every launch argument: those of a recording, then those about the robots."""
    fields = [field for field in dataclasses.fields(RecordConfig) if field.name not in ("transport", "num_envs")]
    names = {field.name for field in fields}
    fields += [field for field in dataclasses.fields(BringupConfig) if field.name not in names]
    return tuple(Argument(field.name, default_text(field), description(field)) for field in fields)


def recording(
    arguments: Mapping[str, str], environ: Mapping[str, str] = os.environ, ros: RosArguments = NO_ROS_ARGUMENTS
) -> System:
    """Return the system that launch arguments ask for (name -> text). Raises ConfigError, one line."""
    given = {name: text for name, text in arguments.items() if text != ""}
    known = [argument.name for argument in recording_arguments()]
    for name in given:
        if name not in known and not part_of(name):
            raise ConfigError(unknown_name("launch argument", name, known))
    of_robots = {name: text for name, text in given.items() if part_of(name)}
    of_robots |= {name: text for name, text in given.items() if name in _OF_THE_ROBOTS}
    told = {name: text for name, text in given.items() if name in _names(RecordConfig) and name not in _NOT_TOLD}
    told |= {name: text for name, text in of_robots.items() if "." in name}
    values = resolve_values(of_robots, ros.namespace)
    served = tuple(values.served)
    settings = from_words(
        RecordConfig, [f"{name}:={text}" for name, text in told.items() if "." not in name], "launch argument"
    )
    told |= {
        "transport": "topics",
        "namespaces": f"[{', '.join(served)}]",
        "realtime": str(values.trainer.realtime).lower(),
    }
    simulated = values.bringup.robot_source == "sim"
    if settings.cameras and not simulated and "cameras" not in given:
        told["cameras"] = "[]"
    others: tuple[Process, ...] = ()
    environment: Mapping[str, str] = {}
    if values.bringup.robot_source != "external":
        served_by = robots(of_robots, environ, ros)
        environment = served_by.environment
        others = tuple(_seeing(process, settings) for process in served_by.processes)
    recorder = Process(
        RECORDER,
        "rl_trainer",
        "rl_trainer_ros.cli.main",
        words=("record", *(f"{name}:={text}" for name, text in told.items())),
        max_restarts=0,
        shutdown_timeout_s=SAVING_TIMEOUT_S,
        ends_system=True,
        orphan_signal=signal.SIGTERM,
    )
    return System((*others, recorder), environment, GIVE_UP_S, ros_words=ros.words, config=values.trainer)


def _seeing(process: Process, settings: RecordConfig) -> Process:
    """The same process; a simulator also has the cameras that are recorded, and measures contact."""
    if not process.name.startswith(SIMULATOR):
        return process
    more: dict[str, Any] = {"contact": settings.contact, **settings.images(process.parameters)}
    return dataclasses.replace(process, parameters={**process.parameters, **more})


def _names(cls: type[Any]) -> set[str]:
    return {field.name for field in dataclasses.fields(cls)}
