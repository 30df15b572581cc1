"""What is installed where, and that the places which name the same things agree."""

from __future__ import annotations

import ast
import os
import re
import shutil
import stat
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from rl_trainer_ros.bringup import system
from rl_trainer_ros.launch_arguments import arguments

ROOT = Path(__file__).resolve().parent.parent
NAME = "rl_trainer_ros"
FOLDERS = ["robot_interface_ros", "robot_sim_ros", "robot_driver_ros", "srl_ros", "rl_trainer_ros"]
COME_ALONG = {"builtin_interfaces", "rcl_interfaces"}  # wheels that those of rclpy ask for


def setup_constant(name: str) -> Any:
    """A constant of setup.py, which cannot be imported without running it."""
    for node in ast.parse((ROOT / "setup.py").read_text()).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == name:
            return ast.literal_eval(node.value)
    raise AssertionError(f"no {name} in setup.py")


def package_xml() -> ElementTree.Element:
    return ElementTree.parse(ROOT / "package.xml").getroot()


def imported() -> set[str]:
    """The first name of every absolute import in the five Python packages."""
    names = set()
    for folder in FOLDERS:
        for file in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Import):
                    names |= {alias.name.partition(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    names.add(node.module.partition(".")[0])
    return names


def test_every_executable_is_a_module_with_a_main_and_a_file_for_ros2_run() -> None:
    executables = setup_constant("EXECUTABLES")
    assert {file.name for file in (ROOT / "resource" / "lib").iterdir()} == set(executables)
    for name, target in executables.items():
        module, function = target.split(":")
        assert f"def {function}(" in (ROOT / f"{module.replace('.', '/')}.py").read_text()
        assert os.access(ROOT / "resource" / "lib" / name, os.X_OK)


@pytest.mark.parametrize("given", [{}, {"robot_source": "mock"}, {"srl_model": "random", "srl_folder": str(ROOT)}])
def test_bring_up_starts_what_is_installed(given: dict[str, str]) -> None:
    executables = setup_constant("EXECUTABLES")
    for process in system(given, {}).processes:
        assert executables[process.executable] == f"{process.module}:main"
        source = (ROOT / f"{process.module.replace('.', '/')}.py").read_text()
        assert '__name__ == "__main__"' in source  # the supervisor runs it with python -m


def test_package_xml_is_ament_python_of_format_3_and_of_the_same_version_as_setup_py() -> None:
    package = package_xml()
    assert (package.get("format"), package.findtext("export/build_type")) == ("3", "ament_python")
    assert package.findtext("name") == NAME
    assert f'version="{package.findtext("version")}"' in (ROOT / "setup.py").read_text()


def test_every_ros_package_that_is_imported_is_asked_for() -> None:
    used = {name for name in imported() if name == "rclpy" or name.endswith(("_msgs", "_srvs", "_interfaces"))}
    assert {"rclpy", "sensor_msgs"} <= used
    wheels = [re.split("[<>=]", row)[0].removeprefix("ros-kilted-") for row in setup_constant("ROS_WHEELS")]
    assert used - {wheel.replace("-", "_") for wheel in wheels} - COME_ALONG == set()
    assert used - {depend.text for depend in package_xml().iter("exec_depend")} == set()


def test_no_folder_hides_a_ros_package() -> None:
    assert not (ROOT / "launch" / "__init__.py").exists()  # `import launch` would find it from here
    assert not (ROOT / "test" / "__init__.py").exists()


def test_a_wheel_puts_everything_where_ros2_looks(tmp_path: Path) -> None:
    pytest.importorskip("pip")
    others = shutil.ignore_patterns(".*", "build", "install", "log", "runs", "test", "*.egg-info", "__pycache__")
    shutil.copytree(ROOT, tmp_path / "source", ignore=others, symlinks=True)
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "-q",
            "--no-deps",
            "--no-index",
            "--no-build-isolation",
            "-w",
            str(tmp_path),
            str(tmp_path / "source"),
        ],
        check=True,
        timeout=100,
    )
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        modes = {entry.filename: entry.external_attr >> 16 for entry in wheel.infolist()}
    data = {name.partition(".data/data/")[2]: mode for name, mode in modes.items() if ".data/data/" in name}
    assert f"share/ament_index/resource_index/packages/{NAME}" in data
    assert f"share/{NAME}/package.xml" in data
    for folder in ("launch", "config", "urdf"):
        files = [file for file in (ROOT / folder).rglob("*") if file.is_file() and file.suffix != ".pyc"]
        assert files
        assert {f"share/{NAME}/{file.relative_to(ROOT)}" for file in files} <= set(data)
    for executable in setup_constant("EXECUTABLES"):
        assert data[f"lib/{NAME}/{executable}"] & stat.S_IXUSR
    for folder in FOLDERS:
        for file in (ROOT / folder).rglob("*.py"):
            assert str(file.relative_to(ROOT)) in modes, f"is there an __init__.py beside {file}?"


@pytest.fixture
def launch_file() -> ModuleType:
    """launch/train.launch.py as a module; only where ROS has launch (its name alone may find our folder)."""
    import importlib.util

    try:
        from launch import LaunchDescription  # noqa: F401
    except ImportError:
        pytest.skip("needs ROS's launch")
    spec = importlib.util.spec_from_file_location("train_launch", ROOT / "launch" / "train.launch.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.ros
def test_the_launch_file_declares_every_argument(launch_file: ModuleType) -> None:
    declared = {action.name: action for action in launch_file.generate_launch_description().get_launch_arguments()}
    assert list(declared) == [argument.name for argument in arguments()]
    assert declared["robot_source"].default_value[0].text == "sim"


@pytest.mark.ros
def test_the_launch_file_refuses_an_unknown_argument(launch_file: ModuleType) -> None:
    from launch import LaunchContext

    context = LaunchContext()
    context.launch_configurations.update({"launch-prefix": "", "num_timestep": "3"})
    with pytest.raises(ValueError, match="did you mean num_timesteps"):
        launch_file.start_all(context)
