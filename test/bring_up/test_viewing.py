"""The processes that publish and show frames, without starting any; and the topics of RViz's file."""

from __future__ import annotations

import importlib
import importlib.util
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from rl_trainer_ros.bringup import supervisor
from rl_trainer_ros.bringup.system import BringupError, Next, Process, System, after_death, ros_arguments, system
from rl_trainer_ros.cli.commands.on_page.page import PageOptions, page
from robot_interface_ros.command_lines import find_executable

pytestmark = pytest.mark.frames

RVIZ_FILE = Path(__file__).resolve().parents[2] / "config" / "rviz" / "train.rviz"


@pytest.fixture
def machine(tmp_path: Path) -> Callable[..., dict[str, str]]:
    """An environment of a machine on which these executables, written package/executable, are installed."""

    def installed(*names: str) -> dict[str, str]:
        for name in names:
            file = tmp_path / "lib" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("#!/bin/sh\nexit 0\n")
            file.chmod(0o755)
        return {"AMENT_PREFIX_PATH": f"/no/such:{tmp_path}"}

    return installed


RVIZ, PUBLISHER = "rviz2/rviz2", "robot_state_publisher/robot_state_publisher"


def processes(environ: dict[str, str], **given: str) -> dict[str, Process]:
    return {process.name: process for process in system(given, environ).processes}


def test_nothing_is_shown_unless_asked(machine: Callable[..., dict[str, str]]) -> None:
    assert list(processes(machine(RVIZ, PUBLISHER))) == ["robot_sim", "trainer"]


def test_rviz_comes_with_frames_and_markers(machine: Callable[..., dict[str, str]], tmp_path: Path) -> None:
    started = processes(machine(RVIZ), rviz="true", num_envs="2")
    assert list(started) == ["robot_sim", "frames", "rviz", "trainer"]
    assert started["frames"].parameters == {"namespaces": ("/env_0", "/env_1")}
    assert started["trainer"].parameters["markers"] is True
    assert started["rviz"].program == str(tmp_path / "lib" / RVIZ)
    assert ros_arguments(started["rviz"]) == ["-d", str(RVIZ_FILE), "-f", "env_0/base_link", "--ros-args"]
    kuka = processes(machine(RVIZ), rviz="true", robot="kuka_iiwa", frames="false", markers="false")
    assert list(kuka) == ["robot_sim", "rviz", "trainer"]
    assert kuka["rviz"].words[-1] == "env_0/lbr_iiwa_link_0"
    assert kuka["trainer"].parameters["markers"] is False


def test_robot_state_publisher_takes_the_place_of_our_node_where_it_is_installed(
    machine: Callable[..., dict[str, str]],
) -> None:
    started = processes(machine(PUBLISHER), frames="true", num_envs="2")
    assert list(started) == ["robot_sim", "frames_env_0", "frames_env_1", "trainer"]
    words = ros_arguments(started["frames_env_1"])
    assert words[:3] == ["--ros-args", "-r", "__ns:=/env_1"]
    assert 'frame_prefix:="env_1/"' in words
    (text,) = [word for word in words if word.startswith("robot_description:=")]
    assert '<link name=\\"base_link\\"' in text
    assert len(text.encode()) < 128 * 1024


def test_real_time_has_frames_where_they_can_be_published(
    machine: Callable[..., dict[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "tf2_msgs" else found(name))
    assert list(processes(machine(RVIZ), realtime="true")) == ["robot_sim", "trainer"]
    assert list(processes(machine(PUBLISHER), realtime="true")) == ["robot_sim", "frames_env_0", "trainer"]
    assert list(processes(machine(PUBLISHER), realtime="true", frames="false")) == ["robot_sim", "trainer"]
    assert list(processes(machine(PUBLISHER))) == ["robot_sim", "trainer"]
    (tmp_path / "lib" / PUBLISHER).unlink()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object() if name == "tf2_msgs" else found(name))
    assert list(processes(machine(RVIZ), realtime="true")) == ["robot_sim", "frames", "trainer"]


def test_what_only_shows_is_never_the_end_of_training(machine: Callable[..., dict[str, str]]) -> None:
    asked = system({"rviz": "true"}, machine(RVIZ))
    shown = {process.name: process for process in asked.processes}
    closed = after_death(shown["rviz"], 0, [], 0.0)  # its window was closed
    assert closed.next is Next.STAY_DOWN
    assert "training continues" in closed.line
    assert after_death(shown["rviz"], 2, [], 0.0).next is Next.STAY_DOWN
    assert after_death(shown["frames"], -9, [], 0.0).next is Next.RESTART
    assert not asked.beyond_hope(["rviz", "frames"])
    assert asked.beyond_hope(["rviz", "robot_sim"])


def test_the_supervisor_starts_others_programs(tmp_path: Path) -> None:
    """A program of another package gets its arguments, and its end does not end the trainer."""
    said, trainer = tmp_path / "said", tmp_path / "pretend_trainer.py"
    shown = tmp_path / "shown"
    shown.write_text(f'#!/bin/sh\necho "$@" > {said}.new && mv {said}.new {said}\n')
    shown.chmod(0o755)
    trainer.write_text(
        "import pathlib, sys, time\n"
        f"end = time.monotonic() + 30\nwhile not pathlib.Path({str(said)!r}).exists() and time.monotonic() < end:\n"
        "    time.sleep(0.01)\n"
        f"sys.exit(0 if pathlib.Path({str(said)!r}).exists() else 4)\n"
    )
    code = (
        "import sys; from rl_trainer_ros.bringup.system import Process, System\n"
        "from rl_trainer_ros.bringup.supervisor import run\n"
        f"other = Process('shown', 'shown', package='other', program={str(shown)!r}, words=('-d', 'file'),"
        " max_restarts=0, optional=True)\n"
        "trainer = Process('trainer', 'trainer', 'pretend_trainer', max_restarts=0, ends_system=True)\n"
        "sys.exit(run(System((other, trainer))))"
    )
    repo = RVIZ_FILE.parents[2]
    environ = {"PATH": "/usr/bin:/bin", "PYTHONPATH": f"{repo}:{tmp_path}", "HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=environ, timeout=60, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert said.read_text() == "-d file --ros-args\n"


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "given, installed, named",
    [
        ({"rviz": "true"}, (), ["sudo apt install ros-$ROS_DISTRO-rviz2", "remote:=true"]),
        ({"rviz": "true", "namespaces": "[/left]"}, (RVIZ,), ["/env_0", "/left", "rviz_config:="]),
        ({"rviz": "true", "rviz_config": "/no/such.rviz"}, (RVIZ,), ["/no/such.rviz"]),
        ({"rviz": "true", "transport": "in_process"}, (RVIZ,), ["in_process"]),
        ({"frames": "yes"}, (), ["frames", "auto, true, false"]),
    ],
)
def test_what_cannot_be_shown_is_one_line(
    machine: Callable[..., dict[str, str]], given: dict[str, str], installed: tuple[str, ...], named: list[str]
) -> None:
    with pytest.raises(BringupError) as caught:
        system(given, machine(*installed))
    assert "\n" not in str(caught.value)
    assert [word for word in named if word not in str(caught.value)] == []


def test_an_executable_is_a_file_that_can_be_executed(tmp_path: Path) -> None:
    file = tmp_path / "lib" / "a" / "b"
    file.parent.mkdir(parents=True)
    file.write_text("")
    environ = {"AMENT_PREFIX_PATH": str(tmp_path)}
    assert find_executable("a", "b", environ) == ""
    file.chmod(0o755)
    assert find_executable("a", "b", environ) == str(file)
    assert find_executable("a", "b", {}) == ""


# Names in rviz_default_plugins/plugins_description.xml of ros2/rviz, branches humble, jazzy and kilted.
PLUGINS = {
    "displays": {
        "AccelStamped", "Axes", "Camera", "DepthCloud", "Effort", "FluidPressure", "Grid", "GridCells", "Illuminance",
        "Image", "InteractiveMarkers", "LaserScan", "Map", "Marker", "MarkerArray", "Odometry", "Path", "PointCloud",
        "PointCloud2", "PointStamped", "Polygon", "Pose", "PoseArray", "PoseWithCovariance", "Range",
        "RelativeHumidity", "RobotModel", "TF", "Temperature", "TwistStamped", "Wrench",
    },
    "tools": {"FocusCamera", "Interact", "Measure", "MoveCamera", "PublishPoint", "Select", "SetGoal", "SetInitialPose"},
    "views": {"FPS", "FrameAligned", "Orbit", "ThirdPersonFollower", "TopDownOrtho", "XYOrbit"},
}  # fmt: skip
MESSAGES = {"RobotModel": ("std_msgs.msg", "String"), "MarkerArray": ("visualization_msgs.msg", "MarkerArray"),
            "Image": ("sensor_msgs.msg", "Image")}  # fmt: skip


def manager() -> dict[str, Any]:
    return yaml.safe_load(RVIZ_FILE.read_text())["Visualization Manager"]


def test_every_class_in_the_file_is_one_that_rviz_has() -> None:
    used = {
        "displays": [display["Class"] for display in manager()["Displays"]],
        "tools": [tool["Class"] for tool in manager()["Tools"]],
        "views": [manager()["Views"]["Current"]["Class"]],
    }
    for kind, classes in used.items():
        assert {name.removeprefix("rviz_default_plugins/") for name in classes} <= PLUGINS[kind]
    assert {"Grid", "RobotModel", "TF", "Image", "MarkerArray"} == {
        name.removeprefix("rviz_default_plugins/") for name in used["displays"]
    }


@pytest.mark.ros
def test_all_that_the_file_shows_is_published_by_a_running_system(
    simulator: Callable[..., Any], start: Callable[..., Any], tmp_path: Path
) -> None:
    """Subscribed as RViz does, with the file's topics, types and QoS, every display gets a message."""
    from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

    from robot_interface_ros.ros.transport.runtime import Runtime
    from robot_interface_ros.ros.transport.waiting import make_waiter
    from robot_interface_ros.urdf.robot_model import RobotModel

    try:
        from tf2_msgs.msg import TFMessage
    except ImportError:
        assert "CI" not in os.environ, "make setup makes tf2_msgs"
        TFMessage = None
    simulator(cameras="[external]")
    if TFMessage is not None:
        start("robot_interface_ros.ros.frames_node").wait_for("frames of")
    trainer = start(
        "rl_trainer_ros.ros.trainer_node", markers=True, num_timesteps=10**7, log_dir=str(tmp_path), log_interval_s=1.0
    )
    got: dict[str, Any] = {}
    wanted: dict[str, str] = {}
    with Runtime(signals=False) as runtime:
        node = runtime.node("as_rviz", start_parameter_services=False)
        waiter = make_waiter(node)

        def subscribe(kind: Any, topic: str, qos: QoSProfile) -> None:
            waiter.subscribe(kind, topic, lambda message: got.__setitem__(topic, message), qos=qos)

        for display in manager()["Displays"]:
            topic = display.get("Topic") or display.get("Description Topic")
            if topic is None:
                continue
            name = display["Class"].removeprefix("rviz_default_plugins/")
            module, kind = MESSAGES[name]
            wanted[topic["Value"]] = name
            qos = QoSProfile(
                depth=topic["Depth"],
                reliability={"Reliable": ReliabilityPolicy.RELIABLE, "Best Effort": ReliabilityPolicy.BEST_EFFORT}[
                    topic["Reliability Policy"]
                ],
                durability={"Volatile": DurabilityPolicy.VOLATILE, "Transient Local": DurabilityPolicy.TRANSIENT_LOCAL}[
                    topic["Durability Policy"]
                ],
            )
            subscribe(getattr(importlib.import_module(module), kind), topic["Value"], qos)
        if TFMessage is not None:
            latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
            subscribe(TFMessage, "/tf_static", latched)
            subscribe(TFMessage, "/tf", QoSProfile(depth=100))
            wanted |= {"/tf_static": "TF", "/tf": "TF"}
        deadline = time.monotonic() + 90.0  # the trainer imports torch first
        while set(wanted) - set(got) and time.monotonic() < deadline and trainer.process.poll() is None:
            waiter.wait(0.5)
        waiter.close()
    assert set(wanted) - set(got) == set(), trainer.lines
    model = RobotModel.from_urdf(got["/env_0/robot_description"].data)
    frames = {f"env_0/{link}" for link in model.links}
    if TFMessage is not None:
        transforms = [*got["/tf"].transforms, *got["/tf_static"].transforms]
        frames = {frame for entry in transforms for frame in (entry.header.frame_id, entry.child_frame_id)}
    assert manager()["Global Options"]["Fixed Frame"] in frames
    assert next(d for d in manager()["Displays"] if d["Name"] == "Robot")["TF Prefix"] == "env_0"
    if TFMessage is not None:
        assert got["/env_0/camera/external/image_raw"].header.frame_id in frames
    for topic in ("/env_0/markers", "/env_0/workspace"):
        assert {marker.header.frame_id for marker in got[topic].markers} <= frames
    names = [marker.ns for marker in got["/env_0/markers"].markers]
    assert {"target", "success_radius", "episode"} <= set(names)
    (workspace,) = got["/env_0/workspace"].markers
    assert len(workspace.points) == 1500
    assert all(math.isfinite(point.x) for point in workspace.points)
    trainer.signal(signal.SIGINT)
    assert trainer.wait() == 0


def test_a_page_alone_that_stays_down_ends_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a training, which continues without it, it does not."""
    started: list[System] = []
    monkeypatch.setattr(supervisor, "run", lambda system: started.append(system) or 0)
    page(PageOptions())
    assert started[0].beyond_hope({"page"}) and not started[0].beyond_hope(())
    assert not system({"page": "true"}, {}).beyond_hope({"page"})
