"""Who may import whom, as docs/architecture.md says."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]
ROOMS = ("robot_interface_ros", "robot_sim_ros", "robot_driver_ros", "srl_ros", "rl_trainer_ros")
ROS = (
    "rclpy",
    "rcl_interfaces",
    "builtin_interfaces",
    "diagnostic_msgs",
    "geometry_msgs",
    "rosgraph_msgs",
    "sensor_msgs",
    "std_msgs",
    "std_srvs",
    "tf2_msgs",
    "visualization_msgs",
    "launch",
)


def imports(path: Path) -> Iterator[str]:
    """Every imported module's first name and, within our rooms, its second."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_itself_and_the_contract_alone(room: str) -> None:
    files = sorted((REPO / room).rglob("*.py"))
    assert len(files) > 3
    for path in files:
        if path.name == "factories.py":
            continue
        others = {name.split(".")[0] for name in imports(path)} & set(ROOMS) - {room, "robot_interface_ros"}
        assert not others, f"{path.relative_to(REPO)} imports {', '.join(others)}; only factories.py may"


@pytest.mark.parametrize("room", ROOMS)
def test_ros_stays_in_the_ros_folders(room: str) -> None:
    for path in sorted((REPO / room).rglob("*.py")):
        if "ros" not in path.relative_to(REPO / room).parts:
            found = {name.split(".")[0] for name in imports(path)} & set(ROS)
            assert not found, f"{path.relative_to(REPO)} imports {', '.join(found)}"
