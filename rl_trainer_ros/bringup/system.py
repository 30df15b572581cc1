"""Which processes a training system has, and what each is told: one pure function, two fronts (launch, supervisor)."""

from __future__ import annotations

import dataclasses
import enum
import json
import os
import signal
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from rl_trainer_ros.bringup.launch_arguments import (
    BOARDS,
    DRIVER,
    SIMULATOR,
    TRAINER,
    BringupConfig,
    Values,
    node_parameters,
    resolve_values,
)
from rl_trainer_ros.bringup.launch_arguments import BringupError as BringupError
from rl_trainer_ros.bringup.launch_arguments import help_text as help_text
from rl_trainer_ros.bringup.process import Process as Process
from rl_trainer_ros.bringup.ros_arguments import RosArguments
from rl_trainer_ros.bringup.viewers import pages, viewers
from rl_trainer_ros.environments import requirements
from rl_trainer_ros.training.trainer_config import TrainerConfig
from robot_interface_ros import ros_environment
from robot_interface_ros.command_lines import command_line
from robot_interface_ros.errors import RobotError
from robot_interface_ros.files.description import resolve
from robot_interface_ros.names import resolve as resolve_name
from robot_interface_ros.names import robot_rules

SAVING_TIMEOUT_S = 60.0  # a trainer saves model, statistics and replay buffer before it leaves
NOTICING_MARGIN_S = 30.0  # beyond a trainer's own waits: the update and the episode that it is in
LONGEST_PAUSE_S = 10.0  # before a restart; a trainer's own waits are longer
PARK_TIMEOUT_S, LONGEST_PARK_S = 10.0, 600.0  # the driver's park_timeout_s, and the most it may be
LEAVING_TIMEOUT_S = 10.0  # beyond that: a servo driver brakes, takes the torque off and closes its boards
SERVING_TIMEOUT_S = 1.0  # a system without a trainer that cannot serve any more has nothing to wait for
BAD_SETTINGS = 2  # exit code of a node that cannot work as it was told; starting it again would not help
NO_ROS_ARGUMENTS = RosArguments()
OWN_NAMES = ("joint_states", "joint_command", "reset")  # that two robots cannot share; the nodes know them all
DISCOVERY_VARIABLES = (
    "ROS_AUTOMATIC_DISCOVERY_RANGE",
    "ROS_LOCALHOST_ONLY",
    "ROS_STATIC_PEERS",
    "ROS_DISCOVERY_SERVER",
)


class Next(enum.Enum):
    """What to do about a process that has died."""

    RESTART = enum.auto()
    STAY_DOWN = enum.auto()
    END = enum.auto()


@dataclass(frozen=True)
class System:
    """Processes in the order of their start, and environment variables for all of them; exactly one ends the system.

    give_up_timeout_s: for the trainer to find out by itself that a process it needs stays down.
    endless: none ends it; it serves until it is told to stop.
    ros_words: ROS arguments for every process.
    config: the settings of the training, or of what is served, as the launch arguments make them.
    """

    processes: tuple[Process, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    give_up_timeout_s: float = 120.0
    endless: bool = False
    ros_words: tuple[str, ...] = ()
    config: TrainerConfig = TrainerConfig()

    def __post_init__(self) -> None:
        names = [process.name for process in self.processes]
        if len(set(names)) != len(names):
            raise BringupError(f"two processes of one name in {', '.join(names)}")
        if not names or (self.endless and any(process.ends_system for process in self.processes)):
            raise BringupError(
                f"an endless system needs processes, and none that ends it; got {', '.join(names) or 'none'}"
            )
        if not self.endless and sum(process.ends_system for process in self.processes) != 1:
            raise BringupError(f"exactly one process must end the system, of {', '.join(names) or 'none'}")

    def beyond_hope(self, down: Collection[str]) -> bool:
        """Whether nothing useful can go on, where the processes of these names stay down.

        A trainer can while each has a fellow of the same module that runs: another simulator, with other robots.
        """
        needed = [process for process in self.processes if not process.optional]
        running = {process.module for process in needed if process.name not in down}
        return any(process.module not in running for process in needed)

    @property
    def trainer(self) -> Process:
        """The process whose exit ends the system, and whose exit code is the system's."""
        return next(process for process in self.processes if process.ends_system)


def system(
    arguments: Mapping[str, str], environ: Mapping[str, str] = os.environ, ros: RosArguments = NO_ROS_ARGUMENTS
) -> System:
    """The system that launch arguments ask for (name -> text, empty: not given); BringupError says what is wrong."""
    values = _values(arguments, ros)
    trainer = Process(
        TRAINER,
        "trainer_node",
        "rl_trainer_ros.ros.trainer_node",
        parameters=values.told,
        params_file=str(values.params_file),
        max_restarts=0,
        shutdown_timeout_s=SAVING_TIMEOUT_S,
        ends_system=True,
        orphan_signal=signal.SIGTERM,
    )
    others = []
    if values.trainer.transport == "topics":
        _check_discovery(values.bringup, environ)
        clock = resolve_name("clock", ros.namespace)
        others = _clock_for_all(_robots(values, ros.namespace), values.trainer.namespaces[0], clock) + _encoders(values)
    others += viewers(values, environ)
    waits_s = values.trainer.start_timeout_s + values.trainer.answer_timeout_s
    margin_s = waits_s + NOTICING_MARGIN_S
    return System(
        (*others, trainer), _environment(values.bringup, environ), margin_s, ros_words=ros.words, config=values.trainer
    )


def _values(arguments: Mapping[str, str], ros: RosArguments) -> Values:
    """The values of what is given, checked; remappings that would join two robots are refused."""
    values = resolve_values({name: text for name, text in arguments.items() if text != ""}, ros.namespace)
    robot_rules(ros.rules, TRAINER, (ros.namespace, TRAINER), values.trainer.namespaces, OWN_NAMES)
    return values


def robots(
    arguments: Mapping[str, str], environ: Mapping[str, str] = os.environ, ros: RosArguments = NO_ROS_ARGUMENTS
) -> System:
    """Everything of `system` but the trainer, for a trainer on another machine; it runs until it is told to stop."""
    values = _values(arguments, ros)
    if values.trainer.transport != "topics" or values.bringup.robot_source == "external":
        raise BringupError("nothing to start: robots are served with transport:=topics robot_source:=sim (or mock)")
    _check_discovery(values.bringup, environ)
    return System(
        tuple(_robots(values, ros.namespace) + _encoders(values) + pages(values)),
        _environment(values.bringup, environ),
        SERVING_TIMEOUT_S,
        endless=True,
        ros_words=ros.words,
        config=values.trainer,
    )


def ros_arguments(process: Process, ros_words: Sequence[str] = ()) -> list[str]:
    """The process's command line after its name; what -p sets overrules the parameter file before it.

    `ros_words`: ROS arguments for every process; of two remappings the first one counts, and a namespace that is the process's
    own comes before theirs, every other name after.
    """
    words = [*process.words, "--ros-args"]
    places = {name: target for name, target in process.remappings.items() if name.startswith("__")}
    others = {name: target for name, target in process.remappings.items() if name not in places}
    for name, target in places.items():
        words += ["-r", f"{name}:={target}"]
    words += ros_words
    for name, target in others.items():
        words += ["-r", f"{name}:={target}"]
    if process.params_file:
        words += ["--params-file", process.params_file]
    for name, value in process.parameters.items():
        words += ["-p", f"{name}:={_encode(value)}"]
    return words


@dataclass(frozen=True)
class Verdict:
    """What is to be done about a process that has died: after how many seconds, and the line that says so."""

    next: Next
    line: str
    pause_s: float = 0.0


def after_death(process: Process, returncode: int, restarts: Sequence[float], now: float) -> Verdict:
    """What comes after the death of a process that was started again at the moments `restarts` before, s, as `now` is.

    Only those within its restart_window_s count, so that a crash now and then does not use up a week's training. The first
    restart comes at once; then the pause doubles, up to LONGEST_PAUSE_S.
    """
    died, most, window_s = f"{process.name} {exit_text(returncode)}", process.max_restarts, process.restart_window_s
    if returncode == BAD_SETTINGS and not process.program:
        return Verdict(Next.END, f"{died}: it cannot work as it was told, so the system ends")
    recent = sum(now - restart_s < window_s for restart_s in restarts)
    if recent < most:
        pause_s = min(LONGEST_PAUSE_S, 2.0 ** (recent - 1)) if recent else 0.0
        when = f" in {pause_s:g} s" if pause_s else ""
        return Verdict(Next.RESTART, f"{died}; started again{when} ({recent + 1} of {most})", pause_s)
    if process.optional:
        return Verdict(Next.STAY_DOWN, f"{died}; training goes on without it")
    why = f"max_restarts:={most} within {window_s:g} s is used up" if most else "it is not started again"
    return Verdict(
        Next.STAY_DOWN,
        f"{died} and stays down: {why}; the {TRAINER} goes on with other robots, or ends with its own error",
    )


def exit_text(returncode: int) -> str:
    """How a process ended, from its return code as subprocess has it (negative: the signal)."""
    if returncode >= 0:
        return f"exited with code {returncode}"
    known = -returncode in {int(number) for number in signal.Signals}
    return f"was killed by {signal.Signals(-returncode).name if known else f'signal {-returncode}'}"


def exit_code(returncode: int) -> int:
    """A shell's exit code for a return code as subprocess has it: death by signal n is 128 + n."""
    return returncode if returncode >= 0 else 128 - returncode


def share_out(namespaces: Sequence[str], processes: int) -> list[tuple[str, ...]]:
    """Neighbouring robots in one process, as evenly as it goes; 0 processes: the best number, as measured."""
    n = min(processes or best_processes(len(namespaces)), len(namespaces))
    ends = [len(namespaces) * i // n for i in range(n + 1)]
    return [tuple(namespaces[begin:end]) for begin, end in zip(ends, ends[1:])]


def best_processes(robots: int, cores: int | None = None) -> int:
    """How many simulator processes step so many robots fastest; docs/performance.md has the figures."""
    cores = cores or len(os.sched_getaffinity(0))
    return max(1, min(robots, cores - 1))


def _robots(values: Values, base: str) -> list[Process]:
    """Who serves this machine's robots: simulators that share them, one driver for all, or nobody of ours."""
    bringup, trainer = values.bringup, values.trainer
    told = {"namespaces": values.served, "robot": trainer.robot, "control_hz": trainer.control_hz}
    told |= {"realtime": True} if trainer.realtime else {}
    rate = {} if bringup.physics_hz is None else {"physics_hz": bringup.physics_hz}
    told |= requirements.robot_settings(trainer)
    asked = requirements.simulation_settings(trainer)
    if bringup.robot_source == "sim":
        shares = share_out(values.served, bringup.sim_processes)
        return [
            Process(
                SIMULATOR if len(shares) == 1 else f"{SIMULATOR}_{i}",
                "robot_sim_node",
                "robot_sim_ros.ros.robot_sim_node",
                parameters=told | {"namespaces": share} | rate | asked,
                params_file=str(values.sim_params_file),
                max_restarts=bringup.max_restarts,
                restart_window_s=bringup.restart_window_s,
            )
            for i, share in enumerate(shares)
        ]
    if bringup.robot_source in BOARDS:
        task = requirements.task_class(trainer.task)
        lacking = task.signals or (("a target that moves",) if task.target_moves else ())
        if lacking:
            raise BringupError(
                f"task:={trainer.task} needs {', '.join(lacking)}, which robot_source:={bringup.robot_source} does not have; "
                "use robot_source:=sim, or external with a robot that does"
            )
        if "cameras" in asked:
            what = f"srl_model:={trainer.srl_model}" if trainer.encoder_folder else f"observation:={trainer.observed}"
            raise BringupError(
                f"{what} needs a camera, and robot_source:={bringup.robot_source} has none; leave it out, or use "
                "robot_source:=sim"
            )
        return [
            Process(
                DRIVER,
                "robot_driver_node",
                "robot_driver_ros.ros.robot_driver_node",
                parameters=told | _servos(bringup),
                params_file=str(values.driver_params_file),
                max_restarts=bringup.max_restarts if _remembers(values, base) else 0,
                restart_window_s=bringup.restart_window_s,
                shutdown_timeout_s=_park_timeout_s(values) + LEAVING_TIMEOUT_S,
                orphan_signal=signal.SIGTERM,
            )
        ]
    return []


def _remembers(values: Values, base: str) -> bool:
    """Whether a driver that is started again knows where the limbs are and of a stop; else a person is to look first."""
    parameters = node_parameters(values.driver_params_file, DRIVER, base)
    return values.bringup.robot_source != "driver" or parameters.get("remember", True) is True


def _park_timeout_s(values: Values) -> float:
    """How long the driver may take to its rest pose when it is told to leave; what is no number it refuses itself."""
    given = node_parameters(values.driver_params_file, DRIVER).get("park_timeout_s", PARK_TIMEOUT_S)
    return float(given) if isinstance(given, (int, float)) and 0.0 <= given <= LONGEST_PARK_S else PARK_TIMEOUT_S


def _servos(bringup: BringupConfig) -> dict[str, Any]:
    """What the driver is told of its boards; where nothing is given, its parameter file says it."""
    told = {"board": BOARDS[bringup.robot_source], "ports": bringup.ports, "body": bringup.body}
    told |= {"hardware": str(resolve(bringup.hardware).absolute())} if bringup.hardware else {}
    return {name: value for name, value in told.items() if value}


def _clock_for_all(robots: list[Process], first: str, clock: str) -> list[Process]:
    """The same, with the clock of the first robot as `clock`, the system's, where a simulator publishes it."""
    renamed = {resolve_name("clock", first): clock}
    return [
        dataclasses.replace(process, remappings={**process.remappings, **renamed})
        if process.executable == "robot_sim_node" and first in process.parameters["namespaces"]
        else process
        for process in robots
    ]


def _encoders(values: Values) -> list[Process]:
    """One SRL node for all robots, unless the state is the ground truth."""
    trainer = values.trainer
    if not trainer.encoder_folder:
        return []
    if not Path(trainer.encoder_folder).is_dir():
        raise BringupError(
            f"no {trainer.srl_model} model at {trainer.encoder_folder}; say where it is (srl_folder:=...), or make one with: "
            f"{_train_srl(trainer)}"
        )
    return [
        Process(
            "srl",
            "srl_node",
            "srl_ros.ros.srl_node",
            max_restarts=values.bringup.max_restarts,
            restart_window_s=values.bringup.restart_window_s,
            parameters={"namespaces": values.served, "srl_folder": trainer.encoder_folder},
        )
    ]


def _train_srl(trainer: TrainerConfig) -> str:
    """The command line that makes the encoder of a training."""
    defaults = TrainerConfig()
    same = [name for name in ("robot", "log_dir") if getattr(trainer, name) != getattr(defaults, name)]
    more = [f"{name}:={getattr(trainer, name)}" for name in same]
    return command_line("train_srl", f"srl_model:={trainer.srl_model}", *more)


def _check_discovery(bringup: BringupConfig, environ: Mapping[str, str]) -> None:
    """Raise BringupError where nodes could not find each other, or not those that are asked for."""
    try:
        ros_environment.check_discovery(environ)
    except RobotError as error:
        raise BringupError(str(error)) from None
    for name, value in (("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST"), ("ROS_LOCALHOST_ONLY", "1")):
        if bringup.remote and environ.get(name) == value:
            raise BringupError(f"remote:=true, but {name}={value} keeps ROS on this machine; unset {name}")


def _environment(bringup: BringupConfig, environ: Mapping[str, str]) -> dict[str, str]:
    """Discovery stays on this machine unless `remote`; what the user's own environment says of it is respected."""
    variables = {}
    if bringup.domain_id is not None:
        variables["ROS_DOMAIN_ID"] = str(bringup.domain_id)
    if not bringup.remote and not any(environ.get(name) for name in DISCOVERY_VARIABLES):
        if environ.get("ROS_DISTRO") == "humble":  # knows only the older variable
            variables["ROS_LOCALHOST_ONLY"] = "1"
        else:
            variables["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    return variables


def _encode(value: Any) -> str:
    """A value as rcl's YAML reader takes it with its type kept: text always in quotes, an exponent after a point."""
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_encode(entry) for entry in value)}]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    text: str = yaml.safe_dump(value).splitlines()[0]
    return text
