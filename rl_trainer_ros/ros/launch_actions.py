"""A system of bring-up as actions of ROS 2 launch; the files in launch/ only call `description`."""

import contextlib
import dataclasses
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, EmitEvent, OpaqueFunction, RegisterEventHandler, Shutdown, TimerAction
from launch.event_handlers import OnProcessExit
from launch.events import matches_action
from launch.events.process import ProcessExited, ShutdownProcess
from launch.launch_description_entity import LaunchDescriptionEntity
from launch.logging import get_logger
from launch_ros.actions import Node

from rl_trainer_ros.bringup import preflight
from rl_trainer_ros.bringup.launch_arguments import Argument, arguments, part_of
from rl_trainer_ros.bringup.ros_arguments import RosArguments
from rl_trainer_ros.bringup.system import Next, Process, System, after_death, exit_text, ros_arguments
from robot_interface_ros.config import unknown_name
from robot_interface_ros.files.parameter_files import misspelt
from robot_interface_ros.names import parse_rule

# Names that launch, launch_ros and `ros2 launch` store among the launch configurations.
NOT_OURS = {
    "launch-prefix",
    "launch-prefix-filter",
    "emulate_tty",
    "sigterm_timeout",
    "sigkill_timeout",
    "ros_namespace",
    "ros_remaps",
    "global_params",
    "use_sim_time",
}


MakeSystem = Callable[..., System]
"""`system` or `robots` in `bringup/system.py`."""


def description(
    make_system: MakeSystem, known: Sequence[Argument] | None = None, trains: bool = True
) -> LaunchDescription:
    """Declare all launch arguments, then start the processes for their values.

    `known`: the launch arguments, None: those of a training. `trains`: whether the system has a trainer, if it is not endless.
    """
    known = arguments() if known is None else known
    declared = [
        DeclareLaunchArgument(argument.name, default_value=argument.default, description=argument.description)
        for argument in known
    ]
    names = tuple(argument.name for argument in known)
    return LaunchDescription([*declared, OpaqueFunction(function=partial(start_all, make_system, names, trains))])


def start_all(
    make_system: MakeSystem, known: Sequence[str], trains: bool, context: LaunchContext
) -> list[LaunchDescriptionEntity]:
    """Return one action for each process of the system, with a handler for its end. `known`: names of launch arguments."""
    given, ros = own_arguments(context, known=known), surroundings(context)
    asked = make_system(given, ros=ros)
    preflight.check(asked.config, serving=asked.endless or not trains)
    actions = _Actions(asked, launched_itself(context))
    if asked.note:
        get_logger("rl_trainer_ros").info(asked.note)
    return [action for process in asked.processes for action in actions.start(process)]


def own_arguments(
    context: LaunchContext, command_line: Sequence[str] = sys.argv, known: Sequence[str] | None = None
) -> dict[str, str]:
    """Return the launch arguments of this package, by name.

    Launch passes the arguments of a launch file to included files, so an unknown name may belong to a parent file. If the
    command line launches the file of this package, an unknown name is an error; otherwise a name that nearly matches one of
    this package causes a warning.
    """
    known = [argument.name for argument in arguments()] if known is None else known
    given = {name: text for name, text in context.launch_configurations.items() if name in known or part_of(name)}
    others = [name for name in context.launch_configurations if name not in given and name not in NOT_OURS]
    if launched_itself(context, command_line):
        return given | {
            name: context.launch_configurations[name] for name in others
        }  # these are refused, each with similar names
    for name in others:
        if misspelt(name, known):
            unknown = unknown_name("launch argument", name, known).partition(";")[0]
            get_logger("rl_trainer_ros").warning(f"{unknown}; left to the launch file that includes this one")
    return given


def launched_itself(context: LaunchContext, command_line: Sequence[str] = sys.argv) -> bool:
    """Return whether the command line launches the file of this package, and not another file that includes it."""
    current = getattr(getattr(context, "locals", None), "current_launch_file_path", None)
    if not current:
        return True
    path = Path(current)
    for before, word in zip(("", *command_line), command_line):
        if before == "rl_trainer_ros" and word == path.name:
            return True
        with contextlib.suppress(OSError):
            if ":=" not in word and path.is_file() and Path(word).is_file() and path.samefile(word):
                return True
    return False


def surroundings(context: LaunchContext) -> RosArguments:
    """Return namespace and remappings around this launch file; launch_ros applies them to each process."""
    configurations = context.launch_configurations
    rules = tuple(parse_rule(f"{old}:={new}") for old, new in configurations.get("ros_remaps") or ())
    return RosArguments(configurations.get("ros_namespace") or "/", rules)


class _Actions:
    """Actions for the processes of one system; it knows which of them stay down."""

    def __init__(self, asked: System, alone: bool):
        """`alone`: nothing else is launched with it, so the end of the system ends the launch."""
        self.asked, self.alone = asked, alone
        self.down: list[str] = []
        self.nodes: dict[str, Node] = {}
        self.ended = False

    def start(self, process: Process, restarts: tuple[float, ...] = ()) -> list[LaunchDescriptionEntity]:
        """Return the actions that start a process. A restart is a new action: launch's respawn has a limit only since Jazzy."""
        # SIGTERM ends `ros2 launch` at once, but not its processes. With this prefix, the kernel sends them the signal too.
        prefix = f"setpriv --pdeathsig {process.orphan_signal.name}" if shutil.which("setpriv") else None
        # Namespace and name of the node come before those of launch_ros; other remappings come after the user's SetRemap.
        places = {old: new for old, new in process.remappings.items() if old.startswith("__")}
        node = Node(
            package=process.package,
            executable=process.executable,
            exec_name=process.name,
            output="screen",
            prefix=prefix,
            arguments=ros_arguments(dataclasses.replace(process, remappings=places)),
            remappings=[(old, new) for old, new in process.remappings.items() if old not in places],
            additional_env=dict(self.asked.environment) | {"PYTHONUNBUFFERED": "1"},
            emulate_tty=process.ends_system,
            sigterm_timeout=str(process.shutdown_timeout_s),
            sigkill_timeout="10",
        )
        self.nodes[process.name] = node
        ended = partial(self.trainer_ended, process) if process.ends_system else partial(self.died, process, restarts)
        return [RegisterEventHandler(OnProcessExit(target_action=node, on_exit=ended)), node]

    def died(
        self, process: Process, restarts: tuple[float, ...], event: ProcessExited, context: LaunchContext
    ) -> list[LaunchDescriptionEntity]:
        """Restart a process that died, up to its max_restarts, with a pause if it died recently."""
        if context.is_shutdown or self.ended:
            return []
        now = time.monotonic()
        verdict = after_death(process, event.returncode, restarts, now)
        if verdict.next is Next.END:
            raise RuntimeError(verdict.line)
        get_logger("rl_trainer_ros").error(verdict.line)
        if verdict.next is Next.RESTART:
            again = self.start(process, (*restarts, now + verdict.pause_s))
            return [TimerAction(period=verdict.pause_s, actions=again)] if verdict.pause_s else again
        self.down.append(process.name)
        if not self.asked.beyond_hope(self.down):
            return []
        end = OpaqueFunction(function=partial(give_up, process))
        return [TimerAction(period=self.asked.give_up_timeout_s, actions=[end])]

    def trainer_ended(
        self, process: Process, event: ProcessExited, context: LaunchContext
    ) -> list[LaunchDescriptionEntity]:
        """End the system. Only an exception makes `ros2 launch` return another exit code than 0."""
        if event.returncode != 0:
            raise RuntimeError(f"{process.name} {exit_text(event.returncode)}")
        if self.alone:
            return [Shutdown(reason=f"{process.name} has finished")]
        self.ended = True
        return [EmitEvent(event=ShutdownProcess(process_matcher=matches_action(node))) for node in self.nodes.values()]


def give_up(process: Process, context: LaunchContext) -> None:
    """End a system whose trainer has not ended although this process stays down."""
    raise RuntimeError(f"{process.name} stays down, and the trainer has not ended")
