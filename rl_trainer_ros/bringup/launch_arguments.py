"""The launch arguments of a training system: its own, and every setting of the trainer; with their values, checked."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from rl_trainer_ros.bringup import toolbox_spellings
from rl_trainer_ros.bringup.setting_texts import default_text, description, setting_line, typed, yaml_value
from rl_trainer_ros.environments.env_config import SIMULATED, given_to_simulation, settings_of
from rl_trainer_ros.training import resumed_settings
from rl_trainer_ros.training.trainer_config import TrainerConfig
from robot_interface_ros.command_lines import command_line
from robot_interface_ros.config import ConfigError, from_mapping, option, read_yaml, unknown_name
from robot_interface_ros.files.description import resolve, share_directory
from robot_interface_ros.files.parameter_files import from_file, misspelt, of_ros
from robot_interface_ros.names import in_namespace
from robot_interface_ros.names import resolve as resolve_name

PARTS = {  # task.contacts:=3 sets one of the settings that stand as YAML in task_settings
    "task": "task_settings",
    "action": "action_settings",
    "observation": "observation_settings",
    "hyperparameters": "hyperparameters",
}
SERVING = (
    *("task", "robot", "joint_group", "observation", "observation_settings", "srl_model", "srl_folder", "log_dir"),
    *("namespaces", "control_hz", "realtime", *SIMULATED, "eval_namespace"),
    *("robot_source", "hardware", "ports", "body", "driver_params_file", "num_envs", "sim_processes", "max_restarts"),
    *("remote", "domain_id", "params_file", "sim_params_file", "physics_hz", "page", "page_port"),
)
"""Settings that change which robots are served, and how."""
TRAINER, SIMULATOR, DRIVER = "trainer", "robot_sim", "robot_driver"  # nodes, and their entries in a parameter file
BOARDS = {"mock": "mock", "emulated": "emulated", "driver": "serial"}
"""robot_source -> what the driver's servos hang on."""
PHYSICAL = ("emulated", "driver")
"""Sources for which time does not stand still."""


class BringupError(ConfigError):
    """A launch argument that is unknown or not allowed; one line that lists what is."""


@dataclass(frozen=True)
class BringupConfig:
    """What is started beside the trainer, and how."""

    robot_source: str = option(
        "sim",
        "who serves the robots: the simulator; the driver, whose servos hang on Arduinos (driver), on emulated ones or on none "
        "(mock); or others",
        choices=("sim", *BOARDS, "external"),
    )
    hardware: str = option(
        "",
        "the driver's file of boards and servos (rl_trainer calibrate writes it); empty: as in driver_params_file",
        path=True,
    )
    ports: tuple[str, ...] = option(
        (), "the driver's ports where they are others than that file's: [left=/dev/ttyACM0, right=/dev/ttyACM1]"
    )
    body: str = option(
        "",
        "what the pins of mock and emulated boards move; empty: as in driver_params_file",
        choices=("none", "simulated"),
    )
    driver_params_file: str = option(
        "", "ROS parameter file of the driver; empty: this package's config/robot_driver.yaml", path=True
    )
    num_envs: int = option(1, "robots, in the namespaces /env_0, /env_1, ...", minimum=1, maximum=1000)
    sim_processes: int = option(
        0, "simulator processes that share the robots; 0: as many as measured best", minimum=0, maximum=1000
    )
    remote_namespaces: tuple[str, ...] = option(
        (), "more robots to train on, served by another machine (rl_trainer robots)"
    )
    max_restarts: int = option(
        3,
        "how often each simulator, driver or SRL node that dies is started again within restart_window_s",
        minimum=0,
        maximum=1_000_000,
    )
    restart_window_s: float = option(
        600.0, "time after which a restart is forgotten by max_restarts", minimum=0.1, maximum=1e7
    )
    remote: bool = option(False, "find other machines of the ROS domain too; false: this machine alone")
    domain_id: int | None = option(None, "ROS domain; empty: as in the environment", minimum=0, maximum=232)
    params_file: str = option(
        "", "ROS parameter file of the trainer; empty: this package's config/trainer.yaml", path=True
    )
    sim_params_file: str = option(
        "", "ROS parameter file of the simulator; empty: this package's config/robot_sim.yaml", path=True
    )
    frames: str = option(
        "auto",
        "publish every link's place on /tf; auto: with rviz, and in real time where it is possible",
        choices=("auto", "true", "false"),
    )
    page: bool = option(
        False, "start a web page that shows the robots and the training; markers:=true with it, unless it is given"
    )
    page_port: int = option(8080, "port of that page on this machine", minimum=1, maximum=65535)
    rviz: bool = option(False, "start RViz; markers:=true with it, unless it is given")
    rviz_config: str = option("", "RViz file; empty: this package's config/rviz/train.rviz", path=True)
    physics_hz: float | None = option(
        None,
        "physics steps per simulated second, a multiple of control_hz; empty: as in sim_params_file",
        minimum=50.0,
        maximum=10000.0,
    )


@dataclass(frozen=True)
class Argument:
    """One launch argument as launch declares it; what a parameter file may set as well has the empty default."""

    name: str
    default: str
    description: str


@dataclass(frozen=True)
class Values:
    """What the launch arguments come to."""

    bringup: BringupConfig
    trainer: TrainerConfig
    params_file: Path
    told: Mapping[str, Any]
    """The trainer's parameters that overrule the parameter file's."""
    sim_params_file: Path
    driver_params_file: Path
    served: tuple[str, ...]
    """The namespaces whose robots this machine serves."""


def arguments() -> tuple[Argument, ...]:
    """Every launch argument: the trainer's settings first, then what is about its surroundings."""
    rows = []
    for field in dataclasses.fields(TrainerConfig):
        fallback = f"; else params_file's, else {default_text(field) or 'empty'}"
        rows.append(Argument(field.name, "", description(field) + fallback))
    rows += [
        Argument(field.name, default_text(field), description(field)) for field in dataclasses.fields(BringupConfig)
    ]
    return tuple(rows)


def help_text(serving: bool = False) -> str:
    """One line for each launch argument: name, default, meaning and, where they are few, the allowed values.

    `serving`: only those that matter where robots are served without a trainer.
    """
    fields = (*dataclasses.fields(TrainerConfig), *dataclasses.fields(BringupConfig))
    shown = [setting_line(field) for field in fields if not serving or field.name in SERVING]
    if serving:
        shown.append("\nThe other settings of `rl_trainer train` are accepted, and change nothing here.")
    return "\n".join(shown)


def resolve_values(given: Mapping[str, str], base: str = "/") -> Values:
    """Values from name -> text; a setting is the text's, else the parameter file's, else the default. BringupError.

    `base`: the namespace in which the nodes are started; the robots' relative namespaces lie in it.
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
    try:
        bringup = from_mapping(BringupConfig, _typed_own(BringupConfig, given), "launch argument")
        config = share_directory() / "config"
        params_file = resolve(bringup.params_file or config / "trainer.yaml")
        in_file = node_parameters(params_file, TRAINER, base, TrainerConfig)
        from_mapping(TrainerConfig, in_file, str(params_file))
        told = _typed_own(TrainerConfig, given)
        told |= _real_time(bringup.robot_source, in_file | told, told)
        resumed = _resumed(in_file | told)
        if resumed:
            in_file = dataclasses.asdict(resumed)
            told.pop("resume", None)
        told |= with_parts({**in_file, **told}, parts)
        if "namespaces" not in told and ("namespaces" not in in_file or "num_envs" in given):
            told["namespaces"] = [f"env_{i}" for i in range(bringup.num_envs)]
        if bringup.rviz or bringup.page:
            told.setdefault("markers", True)
        trainer = from_mapping(TrainerConfig, in_file | told, "launch argument")
        served = trainer.namespaces
        if bringup.remote_namespaces:
            trainer = dataclasses.replace(trainer, namespaces=(*served, *bringup.remote_namespaces))
            told["namespaces"] = trainer.namespaces
        if trainer.eval_namespace:
            served = (*served, trainer.eval_namespace)
        if resumed:  # the parameter file is of no run in particular
            resumed_settings.refuse_changes(resumed, trainer)
            told = dataclasses.asdict(trainer)
        sim_params_file = resolve(bringup.sim_params_file or config / "robot_sim.yaml")
        _check_simulator(bringup, trainer, sim_params_file, base)
        driver_params_file = resolve(bringup.driver_params_file or config / "robot_driver.yaml")
        _check_driver(bringup, trainer, driver_params_file, base)
    except (ValueError, OSError) as error:
        raise BringupError(str(error)) from None
    trainer = in_namespace(trainer, base)
    told = {name: getattr(trainer, name) for name in told}
    served = tuple(resolve_name(namespace, base) for namespace in served)
    return Values(bringup, trainer, params_file, told, sim_params_file, driver_params_file, served)


def _resumed(settings: Mapping[str, Any]) -> TrainerConfig | None:
    """The settings of the run that is to go on; None for a new one."""
    if not settings.get("resume"):
        return None
    return resumed_settings.settings_of_run(settings["resume"], settings.get("log_dir", TrainerConfig.log_dir))


def part_of(name: str) -> str:
    """Return the part that a name such as `task.contacts` sets something of; empty for other names."""
    part, dot, _ = name.partition(".")
    return part if dot and part in PARTS else ""


def with_parts(settings: Mapping[str, Any], parts: Mapping[str, str]) -> dict[str, str]:
    """Return task_settings and the like, as YAML, with `parts` (such as `task.contacts` -> "3") added to what they say."""
    changed: dict[str, dict[str, Any]] = {}
    for name, text in parts.items():
        whole = PARTS[part_of(name)]
        changed.setdefault(whole, settings_of(whole, settings.get(whole, "")))
        changed[whole][name.partition(".")[2]] = yaml_value(text)
    return {
        whole: yaml.safe_dump(values, default_flow_style=True, width=10_000).strip()
        for whole, values in changed.items()
    }


def node_parameters(params_file: Path, node: str, base: str = "/", config: type[Any] | None = None) -> dict[str, Any]:
    """What a ROS parameter file sets for a node of ours in the namespace `base`, without what every node has.

    `config`: without what is set for all nodes and is no setting of it. ConfigError if it is no parameter file or sets nothing.
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


def _typed_own(cls: type[Any], given: Mapping[str, str]) -> dict[str, Any]:
    """The values that are given for the fields of `cls`, of their types."""
    return typed(cls, {field.name: given[field.name] for field in dataclasses.fields(cls) if field.name in given})


def _check_simulator(bringup: BringupConfig, trainer: TrainerConfig, sim_params_file: Path, base: str) -> None:
    """Refuse settings for a simulator that is not started, and a file that has none; it names unknown ones itself."""
    if trainer.transport == "topics" and bringup.robot_source == "sim":
        node_parameters(sim_params_file, SIMULATOR, base)
        return
    ours = ("sim_params_file", "physics_hz", "sim_processes")
    given = [name for name in ours if getattr(bringup, name) not in ("", None, 0)]
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


def _real_time(robot_source: str, settings: Mapping[str, Any], told: Mapping[str, Any]) -> dict[str, bool]:
    """Whoever asks for a physical robot asks for real time."""
    if robot_source not in PHYSICAL or settings.get("transport", "topics") != "topics":
        return {}
    if told.get("realtime") is False:
        raise ConfigError(
            f"robot_source:={robot_source} lives in real time; leave realtime:=false out, or use robot_source:=mock"
        )
    return {"realtime": True}


def _check_driver(bringup: BringupConfig, trainer: TrainerConfig, driver_params_file: Path, base: str) -> None:
    """Refuse settings for a driver that is not started, and for servos where a robot has none."""
    driven = trainer.transport == "topics" and bringup.robot_source in BOARDS
    if driven:
        node_parameters(driver_params_file, DRIVER, base)
    given = [name for name in ("driver_params_file", "hardware", "ports", "body") if getattr(bringup, name)]
    if given and not driven:
        raise ConfigError(
            f"{given[0]} has no effect without robot_source:=driver, emulated or mock; leave it out, or add that"
        )
    if given[-1:] not in ([], ["driver_params_file"]) and not trainer.realtime:
        raise ConfigError(
            f"{given[-1]} has no effect in lockstep, where robot_source:=mock has no servos; add realtime:=true"
        )
    if bringup.hardware and not resolve(bringup.hardware).is_file():
        calibrate = command_line("calibrate", f"output:={bringup.hardware}")
        raise ConfigError(f"hardware: no file {bringup.hardware}; {calibrate} writes one")
    if bringup.ports and bringup.robot_source != "driver":
        raise ConfigError(
            f"ports has no effect with robot_source:={bringup.robot_source}, which has none; leave it out"
        )
    if bringup.body and bringup.robot_source == "driver":
        raise ConfigError("body has no effect with robot_source:=driver, which has a real one; leave it out")
