"""Launch arguments of a training system: those of bring-up and all settings of the trainer; resolves and checks them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from rl_trainer_ros.bringup import automatic_robots, toolbox_spellings
from rl_trainer_ros.bringup.robot_checks import (
    BOARDS,
    TRAINER,
    check_driver,
    check_simulator,
    node_parameters,
    real_time,
)
from rl_trainer_ros.bringup.setting_texts import default_text, description, setting_line, typed, yaml_value
from rl_trainer_ros.environments.env_config import GROUND_TRUTH, SIMULATED, settings_of
from rl_trainer_ros.training import resumed_settings
from rl_trainer_ros.training.trainer_config import TrainerConfig
from robot_interface_ros.config import ConfigError, from_mapping, option, unknown_name
from robot_interface_ros.files.description import resolve, share_directory
from robot_interface_ros.names import in_namespace
from robot_interface_ros.names import resolve as resolve_name

PARTS = {  # task.contacts:=3 changes one entry of the YAML mapping task_settings
    "task": "task_settings",
    "action": "action_settings",
    "observation": "observation_settings",
    "hyperparameters": "hyperparameters",
}
SERVING = (
    *("task", "robot", "joint_group", "gaze", "observation", "observation_settings", "srl_model", "srl_folder"),
    *("srl_models", "log_dir"),
    *("namespaces", "control_hz", "realtime", *SIMULATED, "eval_namespace"),
    *("robot_source", "hardware", "ports", "body", "driver_params_file", "num_envs", "sim_processes", "max_restarts"),
    *("remote", "domain_id", "params_file", "sim_params_file", "physics_hz", "page", "page_port"),
)
"""Settings that affect which robots are served, and how."""


class BringupError(ConfigError):
    """A launch argument is unknown or invalid; the message has one line and lists valid ones."""


@dataclass(frozen=True)
class BringupConfig:
    """Settings of the processes that are started in addition to the trainer."""

    robot_source: str = option(
        "sim",
        "origin of the robots: sim: the simulator; driver: the driver with servo boards; emulated: the driver with emulated "
        "boards; mock: the driver without boards; external: another node",
        choices=("sim", *BOARDS, "external"),
    )
    hardware: str = option(
        "",
        "hardware file of the driver's boards and servos (rl_trainer calibrate writes it); empty: as in driver_params_file",
        path=True,
    )
    ports: tuple[str, ...] = option(
        (), "serial ports of the driver, if they differ from the hardware file: [left=/dev/ttyACM0, right=/dev/ttyACM1]"
    )
    body: str = option(
        "",
        "body that mock and emulated boards move; empty: as in driver_params_file",
        choices=("none", "simulated"),
    )
    driver_params_file: str = option(
        "", "ROS parameter file of the driver; empty: this package's config/robot_driver.yaml", path=True
    )
    num_envs: int = option(
        1,
        "number of robots, in the namespaces /env_0, /env_1, ...; auto: chosen for algorithm and observation",
        minimum=1,
        maximum=1000,
    )
    sim_processes: int = option(
        0, "number of simulator processes for all robots; 0: the fastest number, as measured", minimum=0, maximum=1000
    )
    remote_namespaces: tuple[str, ...] = option(
        (), "more robots to train on, served on another machine (rl_trainer robots)"
    )
    max_restarts: int = option(
        3,
        "number of restarts of each simulator, driver or SRL node within restart_window_s",
        minimum=0,
        maximum=1_000_000,
    )
    restart_window_s: float = option(
        600.0, "time after which a restart no longer counts for max_restarts, s", minimum=0.1, maximum=1e7
    )
    remote: bool = option(False, "true: discover other machines of the ROS domain; false: only this machine")
    domain_id: int | None = option(None, "ROS domain; empty: as in the environment", minimum=0, maximum=232)
    params_file: str = option(
        "", "ROS parameter file of the trainer; empty: this package's config/trainer.yaml", path=True
    )
    sim_params_file: str = option(
        "", "ROS parameter file of the simulator; empty: this package's config/robot_sim.yaml", path=True
    )
    frames: str = option(
        "auto",
        "publish the pose of every link on /tf; auto: with rviz, and in real time if possible",
        choices=("auto", "true", "false"),
    )
    page: bool = option(
        False, "start a web page that shows the robots and the training; sets markers:=true unless markers is given"
    )
    page_port: int = option(8080, "port of the web page on this machine", minimum=1, maximum=65535)
    rviz: bool = option(False, "start RViz; sets markers:=true unless markers is given")
    rviz_config: str = option("", "RViz file; empty: this package's config/rviz/train.rviz", path=True)
    physics_hz: float | None = option(
        None,
        "physics steps per simulated second, a multiple of control_hz; empty: as in sim_params_file",
        minimum=50.0,
        maximum=10000.0,
    )


@dataclass(frozen=True)
class Argument:
    """One launch argument for launch. Its default is empty if a parameter file may set it as well."""

    name: str
    default: str
    description: str


@dataclass(frozen=True)
class Values:
    """Resolved values of the launch arguments."""

    bringup: BringupConfig
    trainer: TrainerConfig
    params_file: Path
    told: Mapping[str, Any]
    """The trainer's parameters that override the parameter file."""
    sim_params_file: Path
    driver_params_file: Path
    served: tuple[str, ...]
    """The namespaces whose robots this machine serves."""
    note: str = ""
    """A line to report at the start."""


def arguments() -> tuple[Argument, ...]:
    """Return all launch arguments: first the trainer's settings, then those of bring-up."""
    rows = []
    for field in dataclasses.fields(TrainerConfig):
        fallback = f"; else params_file's, else {default_text(field) or 'empty'}"
        rows.append(Argument(field.name, "", description(field) + fallback))
    for field in dataclasses.fields(BringupConfig):
        if field.name == "num_envs":  # a default would overrule the namespaces of the command line and of params_file
            rows.append(Argument(field.name, "", f"{description(field)}; else as many as namespaces has, or 1"))
        else:
            rows.append(Argument(field.name, default_text(field), description(field)))
    return tuple(rows)


def help_text(serving: bool = False) -> str:
    """Return one line for each launch argument: name, default, meaning and, if there are few, the allowed values.

    `serving`: only those that have an effect when robots are served without a trainer.
    """
    fields = (*dataclasses.fields(TrainerConfig), *dataclasses.fields(BringupConfig))
    shown = [setting_line(field) for field in fields if not serving or field.name in SERVING]
    if serving:
        shown.append("\nThe other settings of `rl_trainer train` are accepted, but have no effect here.")
    return "\n".join(shown)


def resolve_values(given: Mapping[str, str], base: str = "/") -> Values:
    """Return the values for name -> text. Precedence: the text, the parameter file, the default. Raises BringupError.

    `base`: namespace of the nodes; relative namespaces of robots are resolved in it.
    """
    known = [field.name for cls in (TrainerConfig, BringupConfig) for field in dataclasses.fields(cls)]
    parts = {name: text for name, text in given.items() if part_of(name)}
    given = {name: text for name, text in given.items() if name not in parts}
    for name, text in given.items():
        successor = toolbox_spellings.setting(name, text, known)
        if successor:
            raise BringupError(successor)
        if name not in known:
            raise BringupError(unknown_name("launch argument", name, [*known, *(f"{part}.NAME" for part in PARTS)]))
    auto = given.get("num_envs") == automatic_robots.AUTO
    if auto:
        given = {name: text for name, text in given.items() if name != "num_envs"}
    note = ""
    try:
        bringup = from_mapping(BringupConfig, _typed_own(BringupConfig, given), "launch argument")
        config = share_directory() / "config"
        params_file = resolve(bringup.params_file or config / "trainer.yaml")
        in_file = node_parameters(params_file, TRAINER, base, TrainerConfig)
        from_mapping(TrainerConfig, in_file, str(params_file))
        told = _typed_own(TrainerConfig, given)
        told |= real_time(bringup.robot_source, in_file | told, told)
        resumed = _resumed(in_file | told)
        if resumed:
            in_file = dataclasses.asdict(resumed)
            told.pop("resume", None)
        elif _names_another_encoder(told, in_file):
            told.setdefault("srl_folder", "")
        told |= with_parts({**in_file, **told}, parts)
        if auto:
            automatic_robots.check(bringup.robot_source, in_file | told, "namespaces" in told)
            settings = from_mapping(TrainerConfig, in_file | told, "launch argument")
            told["namespaces"], note = automatic_robots.namespaces(settings, resumed)
        if "num_envs" in given and "namespaces" in told and bringup.num_envs != len(told["namespaces"]):
            n = len(told["namespaces"])
            raise BringupError(
                f"num_envs is {bringup.num_envs}, but namespaces names {n} robot(s); leave one of the two out"
            )
        if "namespaces" not in told and ("namespaces" not in in_file or "num_envs" in given):
            told["namespaces"] = [f"env_{i}" for i in range(bringup.num_envs)]
        if bringup.rviz or bringup.page:
            told.setdefault("markers", True)
        trainer = from_mapping(TrainerConfig, in_file | told, "launch argument")
        for name in (
            "srl_model",
            "srl_folder",
        ):  # the trainer node would find another encoder if one is saved meanwhile
            if getattr(trainer, name) != (in_file | told).get(name, getattr(TrainerConfig, name)):
                told[name] = getattr(trainer, name)
        served = trainer.namespaces
        if bringup.remote_namespaces:
            trainer = dataclasses.replace(trainer, namespaces=(*served, *bringup.remote_namespaces))
            told["namespaces"] = trainer.namespaces
        if trainer.eval_namespace:
            served = (*served, trainer.eval_namespace)
        if resumed:  # the parameter file has no effect on a resumed run
            resumed_settings.refuse_changes(resumed, trainer)
            told = dataclasses.asdict(trainer)
        sim_params_file = resolve(bringup.sim_params_file or config / "robot_sim.yaml")
        check_simulator(bringup, trainer, sim_params_file, base)
        driver_params_file = resolve(bringup.driver_params_file or config / "robot_driver.yaml")
        check_driver(bringup, trainer, driver_params_file, base)
    except (ValueError, OSError) as error:
        raise BringupError(str(error)) from None
    trainer = in_namespace(trainer, base)
    told = {name: getattr(trainer, name) for name in told}
    served = tuple(resolve_name(namespace, base) for namespace in served)
    return Values(bringup, trainer, params_file, told, sim_params_file, driver_params_file, served, note)


def _names_another_encoder(told: Mapping[str, Any], in_file: Mapping[str, Any]) -> bool:
    """Return whether the given srl_model is not that of the encoder in the parameter file's srl_folder."""
    if "srl_model" not in told or not in_file.get("srl_folder"):
        return False
    of_file = in_file.get("srl_model", GROUND_TRUTH)  # ground_truth: the folder alone names the encoder
    return told["srl_model"] == GROUND_TRUTH or of_file not in (GROUND_TRUTH, told["srl_model"])


def _resumed(settings: Mapping[str, Any]) -> TrainerConfig | None:
    """Return the settings of the resumed run; None for a new run."""
    if not settings.get("resume"):
        return None
    resume, log_dir = settings["resume"], settings.get("log_dir", TrainerConfig.log_dir)
    resumed_settings.check_alone(resume, log_dir)
    return resumed_settings.settings_of_run(resume, log_dir)


def part_of(name: str) -> str:
    """Return the part of a name such as `task.contacts`, here `task`; empty for other names."""
    part, dot, _ = name.partition(".")
    return part if dot and part in PARTS else ""


def with_parts(settings: Mapping[str, Any], parts: Mapping[str, str]) -> dict[str, str]:
    """Return task_settings and similar settings, as YAML, with the changes of `parts` (such as `task.contacts` -> "3")."""
    changed: dict[str, dict[str, Any]] = {}
    for name, text in parts.items():
        whole = PARTS[part_of(name)]
        changed.setdefault(whole, settings_of(whole, settings.get(whole, "")))
        changed[whole][name.partition(".")[2]] = yaml_value(text)
    return {
        whole: yaml.safe_dump(values, default_flow_style=True, width=10_000).strip()
        for whole, values in changed.items()
    }


def _typed_own(cls: type[Any], given: Mapping[str, str]) -> dict[str, Any]:
    """Return the given values for the fields of `cls`, with their types."""
    return typed(cls, {field.name: given[field.name] for field in dataclasses.fields(cls) if field.name in given})
