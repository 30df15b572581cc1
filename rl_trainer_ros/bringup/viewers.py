"""Processes for visualisation: frames of every link, RViz, and the web page."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from typing import Any

from rl_trainer_ros.bringup.launch_arguments import BringupError, Values
from rl_trainer_ros.bringup.process import Process
from rl_trainer_ros.bringup.robot_checks import TRAINER
from robot_interface_ros.command_lines import find_executable
from robot_interface_ros.files.description import resolve, share_directory

SHOWN = "/env_0"  # the namespace in config/rviz/train.rviz
LONGEST_WORD = 128 * 1024  # bytes; longest argument of a command line on Linux (MAX_ARG_STRLEN)


def viewers(values: Values, environ: Mapping[str, str]) -> list[Process]:
    """Return the processes for frames, RViz and the page, as configured. Raises BringupError."""
    if values.trainer.transport != "topics":
        if values.bringup.rviz or values.bringup.page or values.bringup.frames == "true":
            raise BringupError("rviz, page and frames need robots over topics; leave transport:=in_process out")
        return []
    if values.bringup.rviz_config and not values.bringup.rviz:
        raise BringupError("rviz_config has no effect without rviz:=true; leave it out, or add rviz:=true")
    rviz = _rviz(values, environ) if values.bringup.rviz else []
    return [*(_frames(values, environ) if wants_frames(values, environ) else []), *rviz, *pages(values)]


def pages(values: Values) -> list[Process]:
    """Return the process of the web page, if configured."""
    if not values.bringup.page:
        return []
    told = {"namespaces": values.trainer.namespaces, "port": values.bringup.page_port, "trainer": TRAINER}
    return [page(told | {"end_effector": _end_effector(values.trainer.robot)})]


def page(parameters: Mapping[str, Any]) -> Process:
    """Return the process that serves the web page; training continues without it."""
    return Process(
        "page",
        "page_node",
        "robot_page_ros.ros.page_node",
        parameters=dict(parameters),
        max_restarts=3,
        optional=True,
    )


def wants_frames(values: Values, environ: Mapping[str, str]) -> bool:
    """Return whether to publish frames; auto: with RViz, and in real time if frames can be published."""
    if values.bringup.frames != "auto":
        return values.bringup.frames == "true"
    return values.bringup.rviz or (values.trainer.realtime and _can_publish(environ))


def _can_publish(environ: Mapping[str, str]) -> bool:
    """Return whether robot_state_publisher or the message package of the frames node is installed; imports neither."""
    return bool(_state_publisher(environ)) or importlib.util.find_spec("tf2_msgs") is not None


def _state_publisher(environ: Mapping[str, str]) -> str:
    return find_executable("robot_state_publisher", "robot_state_publisher", environ)


def _frames(values: Values, environ: Mapping[str, str]) -> list[Process]:
    """Return robot_state_publisher for each robot if it is installed, otherwise one frames node for all robots."""
    namespaces = values.trainer.namespaces
    restarts, window_s = values.bringup.max_restarts, values.bringup.restart_window_s
    program = _state_publisher(environ)
    urdf = _urdf(values.trainer.robot) if program else ""
    if not program or len(urdf.encode()) > LONGEST_WORD // 2:  # quoting makes it longer
        return [
            Process(
                "frames",
                "frames_node",
                "robot_interface_ros.ros.frames_node",
                parameters={"namespaces": namespaces},
                max_restarts=restarts,
                restart_window_s=window_s,
                optional=True,
            )
        ]
    return [
        Process(
            f"frames{namespace.replace('/', '_')}",
            "robot_state_publisher",
            package="robot_state_publisher",
            program=program,
            parameters={"robot_description": urdf, "frame_prefix": f"{namespace.strip('/')}/".lstrip("/")},
            remappings={"__ns": namespace},
            max_restarts=restarts,
            restart_window_s=window_s,
            optional=True,
        )
        for namespace in namespaces
    ]


def _rviz(values: Values, environ: Mapping[str, str]) -> list[Process]:
    program = find_executable("rviz2", "rviz2", environ)
    shipped = share_directory() / "config" / "rviz" / "train.rviz"
    if not program:
        raise BringupError(
            "rviz:=true needs RViz, which is not installed here: sudo apt install ros-$ROS_DISTRO-rviz2, then source ROS's "
            f"setup.bash; or use remote:=true frames:=true markers:=true here and rviz2 -d {shipped} on a machine that has it"
        )
    if values.bringup.rviz_config:
        file, frame = resolve(values.bringup.rviz_config), []
        if not file.is_file():
            raise BringupError(f"rviz_config: there is no file {file}")
    else:
        if values.trainer.namespaces[0] != SHOWN:
            raise BringupError(
                f"config/rviz/train.rviz shows the robot in {SHOWN}, but the first robot here is in "
                f"{values.trainer.namespaces[0]}; give a file of your own: rviz_config:=/path/to/my.rviz"
            )
        file, frame = shipped, ["-f", f"{SHOWN[1:]}/{_root(values.trainer.robot)}"]
    words = ("-d", str(file), *frame)
    return [Process("rviz", "rviz2", package="rviz2", program=program, words=words, max_restarts=0, optional=True)]


def _urdf(robot: str) -> str:
    from robot_interface_ros.robot_config import load_robot

    return load_robot(robot).urdf


def _end_effector(robot: str) -> str:
    from robot_interface_ros.robot_config import load_robot

    return load_robot(robot).config.end_effector


def _root(robot: str) -> str:
    from robot_interface_ros.robot_config import load_robot

    return load_robot(robot).model.root
