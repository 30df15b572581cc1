"""The processes of a training system and their arguments: a pure function for both front ends (launch, supervisor)."""

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

from rl_trainer_ros.bringup.launch_arguments import BringupConfig, Values, resolve_values
from rl_trainer_ros.bringup.launch_arguments import BringupError as BringupError
from rl_trainer_ros.bringup.launch_arguments import help_text as help_text
from rl_trainer_ros.bringup.process import Process as Process
from rl_trainer_ros.bringup.robot_checks import BOARDS, DRIVER, SIMULATOR, TRAINER, node_parameters
from rl_trainer_ros.bringup.ros_arguments import RosArguments
from rl_trainer_ros.bringup.viewers import pages, viewers
from rl_trainer_ros.environments import requirements
from rl_trainer_ros.training.trainer_config import TrainerConfig
from robot_interface_ros import ros_environment
from robot_interface_ros.cameras import EXTERNAL
from robot_interface_ros.errors import RobotError
from robot_interface_ros.files.description import resolve
from robot_interface_ros.names import resolve as resolve_name
from robot_interface_ros.names import robot_rules
from robot_interface_ros.robot_config import robot_config

SAVING_TIMEOUT_S = 60.0  # a trainer saves model, statistics and replay buffer before it ends
NOTICING_MARGIN_S = 30.0  # in addition to a trainer's timeouts: the current update and episode
LONGEST_PAUSE_S = 10.0  # before a restart; a trainer's timeouts are longer
PARK_TIMEOUT_S, LONGEST_PARK_S = 10.0, 600.0  # the driver's park_timeout_s, and its largest value
LEAVING_TIMEOUT_S = 10.0  # in addition: a servo driver brakes, switches torque off and closes its boards
SERVING_TIMEOUT_S = 1.0  # a system without a trainer does not wait when it cannot serve any more
BAD_SETTINGS = 2  # exit code of a node with invalid settings; a restart would not help
NO_ROS_ARGUMENTS = RosArguments()
OWN_NAMES = ("joint_states", "joint_command", "reset")  # names that two robots cannot share
DISCOVERY_VARIABLES = (
    "ROS_AUTOMATIC_DISCOVERY_RANGE",
    "ROS_LOCALHOST_ONLY",
    "ROS_STATIC_PEERS",
    "ROS_DISCOVERY_SERVER",
)


class Next(enum.Enum):
    """Action after the death of a process."""

    RESTART = enum.auto()
    STAY_DOWN = enum.auto()
    END = enum.auto()


@dataclass(frozen=True)
class System:
    """Processes in the order of their start, and environment variables for all of them; exactly one ends the system.

    give_up_timeout_s: time for the trainer to detect that a needed process stays down.
    endless: no process ends it; it serves until it is stopped.
    ros_words: ROS arguments for every process.
    config: settings of the training, or of the served robots, from the launch arguments.
    note: a line to report at the start; empty: none.
    """

    processes: tuple[Process, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    give_up_timeout_s: float = 120.0
    endless: bool = False
    ros_words: tuple[str, ...] = ()
    config: TrainerConfig = TrainerConfig()
    note: str = ""

    def __post_init__(self) -> None:
        names = [process.name for process in self.processes]
        if len(set(names)) != len(names):
            raise BringupError(f"two processes have the same name in {', '.join(names)}")
        if not names or (self.endless and any(process.ends_system for process in self.processes)):
            raise BringupError(
                f"an endless system needs processes, but none that ends it; got {', '.join(names) or 'none'}"
            )
        if not self.endless and sum(process.ends_system for process in self.processes) != 1:
            raise BringupError(f"exactly one process must end the system, of {', '.join(names) or 'none'}")

    def beyond_hope(self, down: Collection[str]) -> bool:
        """Return whether the system cannot continue while the processes `down` stay down.

        It can continue if another process of the same module runs, such as another simulator with other robots.
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
    """Return the system for launch arguments (name -> text, empty: not given). Raises BringupError with the cause."""
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
        (*others, trainer),
        _environment(values.bringup, environ),
        margin_s,
        ros_words=ros.words,
        config=values.trainer,
        note=values.note,
    )


def _values(arguments: Mapping[str, str], ros: RosArguments) -> Values:
    """Resolve and check the given arguments; remappings that would merge two robots are refused."""
    values = resolve_values({name: text for name, text in arguments.items() if text != ""}, ros.namespace)
    robot_rules(ros.rules, TRAINER, (ros.namespace, TRAINER), values.trainer.namespaces, OWN_NAMES)
    _check_cameras(values)
    return values


def _check_cameras(values: Values) -> None:
    """Raise BringupError if the encoder sees through a camera that the simulated robot lacks."""
    trainer, simulated = values.trainer, values.bringup.robot_source == "sim"
    if not trainer.encoder_folder or not (simulated or trainer.transport == "in_process"):
        return
    needed = [name for name in requirements.simulation_settings(trainer).get("cameras", ()) if name != EXTERNAL]
    there = {EXTERNAL, *robot_config(trainer.robot).cameras} if needed else set()
    missing = [name for name in needed if name not in there]
    if missing:
        raise BringupError(
            f"the encoder in {trainer.encoder_folder} sees through {', '.join(missing)}, and robot {trainer.robot} has "
            f"{', '.join(sorted(there))}; train one with: {trainer.encoder_commands[0]}"
        )


def robots(
    arguments: Mapping[str, str], environ: Mapping[str, str] = os.environ, ros: RosArguments = NO_ROS_ARGUMENTS
) -> System:
    """Return `system` without the trainer, for a trainer on another machine; it runs until it is stopped."""
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
        note=values.note,
    )


def ros_arguments(process: Process, ros_words: Sequence[str] = ()) -> list[str]:
    """Return the command line of a process after its name. Parameters by -p override the parameter file before them.

    `ros_words`: ROS arguments for every process. The first of two remappings is used. So the namespace of the process comes
    before `ros_words`, and its other remappings after them.
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
    """Action after the death of a process, pause before it in s, and a line that reports it."""

    next: Next
    line: str
    pause_s: float = 0.0


def after_death(process: Process, returncode: int, restarts: Sequence[float], now: float) -> Verdict:
    """Decide what to do after the death of a process; `restarts`: times of earlier restarts, s, by the clock of `now`.

    Only restarts within restart_window_s count, so that rare crashes do not end a long training. The first restart is
    immediate; then the pause doubles, up to LONGEST_PAUSE_S.
    """
    died, most, window_s = f"{process.name} {exit_text(returncode)}", process.max_restarts, process.restart_window_s
    if returncode == BAD_SETTINGS and not process.program:
        return Verdict(Next.END, f"{died}: it cannot run with its settings, so the system ends")
    recent = sum(now - restart_s < window_s for restart_s in restarts)
    if recent < most:
        pause_s = min(LONGEST_PAUSE_S, 2.0 ** (recent - 1)) if recent else 0.0
        when = f" in {pause_s:g} s" if pause_s else ""
        return Verdict(Next.RESTART, f"{died}; started again{when} ({recent + 1} of {most})", pause_s)
    if process.optional:
        return Verdict(Next.STAY_DOWN, f"{died}; training continues without it")
    why = f"max_restarts:={most} within {window_s:g} s is used up" if most else "it is not started again"
    return Verdict(
        Next.STAY_DOWN,
        f"{died} and stays down: {why}; the {TRAINER} continues with other robots, or ends with its own error",
    )


def exit_text(returncode: int) -> str:
    """Return in words how a process ended; `returncode`: as in subprocess (negative: signal)."""
    if returncode >= 0:
        return f"exited with code {returncode}"
    known = -returncode in {int(number) for number in signal.Signals}
    return f"was killed by {signal.Signals(-returncode).name if known else f'signal {-returncode}'}"


def exit_code(returncode: int) -> int:
    """Return the shell's exit code for a return code of subprocess: 128 + n after signal n."""
    return returncode if returncode >= 0 else 128 - returncode


def share_out(namespaces: Sequence[str], processes: int) -> list[tuple[str, ...]]:
    """Divide robots evenly among processes, neighbours together; 0 processes: the fastest number, as measured."""
    n = min(processes or best_processes(len(namespaces)), len(namespaces))
    ends = [len(namespaces) * i // n for i in range(n + 1)]
    return [tuple(namespaces[begin:end]) for begin, end in zip(ends, ends[1:])]


def best_processes(robots: int, cores: int | None = None) -> int:
    """Return the fastest number of simulator processes for this number of robots (measured in docs/performance.md)."""
    cores = cores or len(os.sched_getaffinity(0))
    return max(1, min(robots, cores - 1))


def _robots(values: Values, base: str) -> list[Process]:
    """Return the processes that serve robots on this machine: simulators, one driver for all, or none."""
    bringup, trainer = values.bringup, values.trainer
    told = {"namespaces": values.served, "robot": trainer.robot, "control_hz": trainer.control_hz}
    told |= {"realtime": True} if trainer.realtime else {}
    told |= requirements.robot_settings(trainer)
    if bringup.robot_source == "sim":
        return _simulators(values, told)
    if bringup.robot_source in BOARDS:
        _check_boards_suffice(values)
        return [_driver(values, told, base)]
    return []


def _simulators(values: Values, told: Mapping[str, Any]) -> list[Process]:
    """Return the simulators, which share the robots; `told`: parameters of every robot's process."""
    bringup = values.bringup
    rate = {} if bringup.physics_hz is None else {"physics_hz": bringup.physics_hz}
    asked = requirements.simulation_settings(values.trainer)
    shares = share_out(values.served, bringup.sim_processes)
    return [
        Process(
            SIMULATOR if len(shares) == 1 else f"{SIMULATOR}_{i}",
            "robot_sim_node",
            "robot_sim_ros.ros.robot_sim_node",
            parameters={**told, "namespaces": share, **rate, **asked},
            params_file=str(values.sim_params_file),
            max_restarts=bringup.max_restarts,
            restart_window_s=bringup.restart_window_s,
        )
        for i, share in enumerate(shares)
    ]


def _check_boards_suffice(values: Values) -> None:
    """Raise BringupError if task or observation need a part that robots of servo boards lack."""
    trainer, source = values.trainer, values.bringup.robot_source
    task = requirements.task_class(trainer.task)
    missing = task.signals or (("a target that moves",) if task.target_moves else ())
    if missing:
        raise BringupError(
            f"task:={trainer.task} needs {', '.join(missing)}, which robot_source:={source} does not have; "
            "use robot_source:=sim, or external with a robot that does"
        )
    if "cameras" in requirements.simulation_settings(trainer):
        user = f"srl_model:={trainer.srl_model}" if trainer.encoder_folder else f"observation:={trainer.observed}"
        raise BringupError(
            f"{user} needs a camera, but robot_source:={source} has none; leave it out, or use robot_source:=sim"
        )


def _driver(values: Values, told: Mapping[str, Any], base: str) -> Process:
    """Return the driver; `told`: parameters of every robot's process, `base`: namespace of the system."""
    bringup = values.bringup
    return Process(
        DRIVER,
        "robot_driver_node",
        "robot_driver_ros.ros.robot_driver_node",
        parameters={**told, **_servos(bringup)},
        params_file=str(values.driver_params_file),
        max_restarts=bringup.max_restarts if _remembers(values, base) else 0,
        restart_window_s=bringup.restart_window_s,
        shutdown_timeout_s=_park_timeout_s(values) + LEAVING_TIMEOUT_S,
        orphan_signal=signal.SIGTERM,
    )


def _remembers(values: Values, base: str) -> bool:
    """Return whether a restarted driver knows the joint positions and an active stop; if not, a person must check first."""
    parameters = node_parameters(values.driver_params_file, DRIVER, base)
    return values.bringup.robot_source != "driver" or parameters.get("remember", True) is True


def _park_timeout_s(values: Values) -> float:
    """Return the driver's park_timeout_s, s: time to reach its rest pose at the end. The driver refuses invalid values."""
    given = node_parameters(values.driver_params_file, DRIVER).get("park_timeout_s", PARK_TIMEOUT_S)
    return float(given) if isinstance(given, (int, float)) and 0.0 <= given <= LONGEST_PARK_S else PARK_TIMEOUT_S


def _servos(bringup: BringupConfig) -> dict[str, Any]:
    """Return the driver's parameters about its boards; those not given come from its parameter file."""
    told = {"board": BOARDS[bringup.robot_source], "ports": bringup.ports, "body": bringup.body}
    told |= {"hardware": str(resolve(bringup.hardware).absolute())} if bringup.hardware else {}
    return {name: value for name, value in told.items() if value}


def _clock_for_all(robots: list[Process], first: str, clock: str) -> list[Process]:
    """Return the processes such that the simulator of the first robot publishes its clock as `clock` of the system."""
    renamed = {resolve_name("clock", first): clock}
    return [
        dataclasses.replace(process, remappings={**process.remappings, **renamed})
        if process.executable == "robot_sim_node" and first in process.parameters["namespaces"]
        else process
        for process in robots
    ]


def _encoders(values: Values) -> list[Process]:
    """Return one SRL node for all robots; none without an encoder."""
    trainer = values.trainer
    if not trainer.encoder_folder:
        return []
    if not Path(trainer.encoder_folder).is_dir():
        train, record = trainer.encoder_commands
        raise BringupError(
            f"no {trainer.srl_model} model at {trainer.encoder_folder}; give its folder (srl_folder:=...), or train one with: "
            f"{train}, or on recorded images: {record}"
        )
    mode = {"realtime": True} if trainer.realtime else {}
    return [
        Process(
            "srl",
            "srl_node",
            "srl_ros.ros.srl_node",
            max_restarts=values.bringup.max_restarts,
            restart_window_s=values.bringup.restart_window_s,
            parameters={"namespaces": values.served, "srl_folder": trainer.encoder_folder} | mode,
        )
    ]


def _check_discovery(bringup: BringupConfig, environ: Mapping[str, str]) -> None:
    """Raise BringupError if the environment variables prevent the requested discovery."""
    try:
        ros_environment.check_discovery(environ)
    except RobotError as error:
        raise BringupError(str(error)) from None
    for name, value in (("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST"), ("ROS_LOCALHOST_ONLY", "1")):
        if bringup.remote and environ.get(name) == value:
            raise BringupError(f"remote:=true, but {name}={value} keeps ROS on this machine; unset {name}")


def _environment(bringup: BringupConfig, environ: Mapping[str, str]) -> dict[str, str]:
    """Return environment variables that limit discovery to this machine, unless `remote` or the user has set others."""
    variables = {}
    if bringup.domain_id is not None:
        variables["ROS_DOMAIN_ID"] = str(bringup.domain_id)
    if not bringup.remote and not any(environ.get(name) for name in DISCOVERY_VARIABLES):
        if environ.get("ROS_DISTRO") == "humble":  # Humble knows only the older variable
            variables["ROS_LOCALHOST_ONLY"] = "1"
        else:
            variables["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    return variables


def _encode(value: Any) -> str:
    """Return a value for rcl's YAML parser such that its type is kept: text in quotes, a decimal point before exponents."""
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_encode(entry) for entry in value)}]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    text: str = yaml.safe_dump(value).splitlines()[0]
    return text
