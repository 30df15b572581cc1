"""Checks of the settings of bring-up that concern the robots: their source, their parameter files, real time."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rl_trainer_ros.environments.env_config import given_to_simulation
from rl_trainer_ros.training.trainer_config import TrainerConfig
from robot_interface_ros.command_lines import command_line
from robot_interface_ros.config import ConfigError, read_yaml
from robot_interface_ros.files.description import resolve
from robot_interface_ros.files.parameter_files import from_file, misspelt, of_ros
from robot_interface_ros.names import resolve as resolve_name

if TYPE_CHECKING:
    from rl_trainer_ros.bringup.launch_arguments import BringupConfig

TRAINER, SIMULATOR, DRIVER = "trainer", "robot_sim", "robot_driver"  # names of nodes, also in parameter files
BOARDS = {"mock": "mock", "emulated": "emulated", "driver": "serial"}
"""robot_source -> servo board type."""
PHYSICAL = ("emulated", "driver")
"""Sources that run in real time."""


def node_parameters(params_file: Path, node: str, base: str = "/", config: type[Any] | None = None) -> dict[str, Any]:
    """Return the parameters that a ROS parameter file sets for a node in the namespace `base`, without those of every node.

    `config`: leave out parameters for all nodes that are not settings of this class. Raises ConfigError if the file is not a
    parameter file or sets nothing for the node.
    """
    name = resolve_name(node, base)
    given = from_file(read_yaml(params_file), name)
    if not given.matched:
        raise ConfigError(f"{params_file} sets nothing for {name}: no '/**/{node}:' with 'ros__parameters:' in it")
    known = [field.name for field in dataclasses.fields(config)] if config else []
    for_all = {
        name: value for name, value in given.for_all.items() if not config or name in known or misspelt(name, known)
    }
    return {name: value for name, value in {**for_all, **given.own}.items() if not of_ros(name)}


def check_simulator(bringup: BringupConfig, trainer: TrainerConfig, sim_params_file: Path, base: str) -> None:
    """Refuse settings for a simulator that is not started, and a parameter file without an entry for it."""
    if trainer.transport == "topics" and bringup.robot_source == "sim":
        node_parameters(sim_params_file, SIMULATOR, base)
        return
    own = ("sim_params_file", "physics_hz", "sim_processes")
    given = [name for name in own if getattr(bringup, name) not in ("", None, 0)]
    if trainer.transport != "topics" and bringup.robot_source != "sim":
        raise ConfigError(
            f"robot_source:={bringup.robot_source} has no effect with transport:=in_process, which simulates in the trainer; "
            "leave one of the two out"
        )
    if trainer.transport == "topics":
        given += given_to_simulation(trainer)
    if given:
        why = "transport:=in_process" if trainer.transport != "topics" else f"robot_source:={bringup.robot_source}"
        raise ConfigError(
            f"{given[0]} has no effect with {why}, which starts no simulator node; leave it out, "
            "or use transport:=topics robot_source:=sim"
        )


def real_time(robot_source: str, settings: Mapping[str, Any], told: Mapping[str, Any]) -> dict[str, bool]:
    """Return realtime=True for a physical robot. Raises ConfigError if realtime:=false is given."""
    if robot_source not in PHYSICAL or settings.get("transport", "topics") != "topics":
        return {}
    if told.get("realtime") is False:
        raise ConfigError(
            f"robot_source:={robot_source} runs in real time; leave realtime:=false out, or use robot_source:=mock"
        )
    return {"realtime": True}


def check_driver(bringup: BringupConfig, trainer: TrainerConfig, driver_params_file: Path, base: str) -> None:
    """Refuse settings for a driver that is not started, and settings for servos in lockstep."""
    driven = trainer.transport == "topics" and bringup.robot_source in BOARDS
    if driven:
        node_parameters(driver_params_file, DRIVER, base)
    given = [name for name in ("driver_params_file", "hardware", "ports", "body") if getattr(bringup, name)]
    if given and not driven:
        raise ConfigError(
            f"{given[0]} has no effect without robot_source:=driver, emulated or mock; leave it out, or add one of these"
        )
    if given[-1:] not in ([], ["driver_params_file"]) and not trainer.realtime:
        raise ConfigError(
            f"{given[-1]} has no effect in lockstep, where robot_source:=mock has no servos; add realtime:=true"
        )
    if bringup.hardware and not resolve(bringup.hardware).is_file():
        calibrate = command_line("calibrate", f"output:={bringup.hardware}")
        raise ConfigError(f"hardware: there is no file {bringup.hardware}; {calibrate} writes one")
    if bringup.ports and bringup.robot_source != "driver":
        raise ConfigError(
            f"ports has no effect with robot_source:={bringup.robot_source}, which has no ports; leave it out"
        )
    if bringup.body and bringup.robot_source == "driver":
        raise ConfigError("body has no effect with robot_source:=driver, which has a physical body; leave it out")
