"""Installed files, and agreement between the places that list the same things."""

from __future__ import annotations

import ast
import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from rl_trainer_ros.algorithms import hyperparameters
from rl_trainer_ros.bringup.system import system
from rl_trainer_ros.training.trainer_config import TrainerConfig
from robot_interface_ros import start

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
NAME = "rl_trainer_ros"
FOLDERS = ["robot_interface_ros", "robot_sim_ros", "robot_driver_ros", "srl_ros", "robot_page_ros", "rl_trainer_ros"]
NO_WHEEL = {"tf2_msgs"}  # make setup makes it; what needs it says so in one line
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
    """The first name of every absolute import in the six Python packages."""
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
        assert start.MODULES[name] == module  # what the console script of this name runs
        assert f"def {function}(" in (ROOT / f"{module.replace('.', '/')}.py").read_text()
        assert os.access(ROOT / "resource" / "lib" / name, os.X_OK)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"robot_source": "mock"},
        {"robot_source": "driver"},
        {"srl_model": "random", "srl_folder": str(ROOT)},
    ],
)
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
    for distribution, rows in setup_constant("ROS_WHEELS").items():
        wheels = [re.split("[<>=]", row)[0].removeprefix(f"ros-{distribution}-") for row in rows]
        assert used - {wheel.replace("-", "_") for wheel in wheels} - COME_ALONG - NO_WHEEL == set()
    assert used - {depend.text for depend in package_xml().iter("exec_depend")} == set()


def test_the_readme_installs_everything_that_pip_would() -> None:
    """A ROS workspace does not read setup.py's requirements, so the README lists them."""
    (call,) = re.findall(r"^pip install ((?:.*\\\n)*.*)$", (ROOT / "README.md").read_text(), re.MULTILINE)
    named = {re.split("[<>=]", word)[0] for word in shlex.split(call.replace("\\\n", " "))}
    source = (ROOT / "setup.py").read_text().partition("install_requires=[")[2].partition("]")[0]
    assert {re.split("[<>=]", row)[0] for row in re.findall(r'"(.+?)"', source)} - named == set()


def test_no_folder_hides_a_ros_package() -> None:
    assert not (ROOT / "launch" / "__init__.py").exists()  # `import launch` would find it from here
    assert not (ROOT / "test" / "__init__.py").exists()


def test_a_wheel_puts_everything_where_ros2_looks(tmp_path: Path) -> None:
    pytest.importorskip("pip")
    others = shutil.ignore_patterns(".*", "build", "install", "log", "test", "*.egg-info", "__pycache__")

    def ignored(folder: str, names: list[str]) -> set[str]:
        return others(folder, names) | ({"runs"} if Path(folder) == ROOT else set())  # training/runs/ is code

    shutil.copytree(ROOT, tmp_path / "source", ignore=ignored, symlinks=True)
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
    for folder in ("launch", "config", "urdf", "firmware"):
        files = [file for file in (ROOT / folder).rglob("*") if file.is_file() and file.suffix != ".pyc"]
        assert files
        assert {f"share/{NAME}/{file.relative_to(ROOT)}" for file in files} <= set(data)
    for executable in setup_constant("EXECUTABLES"):
        assert data[f"lib/{NAME}/{executable}"] & stat.S_IXUSR
    for folder in FOLDERS:
        for file in (ROOT / folder).rglob("*.py"):
            assert str(file.relative_to(ROOT)) in modes, f"is there an __init__.py beside {file}?"


def parameters_in(file: str, node: str) -> dict[str, Any]:
    return yaml.safe_load((ROOT / "config" / file).read_text())[f"/**/{node}"]["ros__parameters"]


def defaults(cls: type[Any], without: set[str]) -> dict[str, Any]:
    return {name: value for name, value in vars(cls()).items() if name not in without}


def test_the_shipped_parameter_files_show_every_parameter_at_its_default() -> None:
    shown = parameters_in("trainer.yaml", "trainer")  # an empty list has no type in a parameter file
    assert {**shown, "task_labels": ()} == defaults(TrainerConfig, {"namespaces"})  # num_envs makes those


@pytest.mark.ros
def test_the_simulators_file_shows_every_parameter_that_bring_up_does_not_set() -> None:
    pytest.importorskip("rclpy")
    from robot_sim_ros.ros.robot_sim_node import SimNodeConfig

    told = {"robot", "groups", "posture", "world", "namespaces", "control_hz", "realtime", "cameras"}
    assert parameters_in("robot_sim.yaml", "robot_sim") == defaults(SimNodeConfig, told)


@pytest.mark.ros
def test_the_drivers_file_shows_every_parameter_that_bring_up_does_not_set() -> None:
    from robot_driver_ros.driver_config import DriverNodeConfig

    told = {"robot", "namespaces", "control_hz", "realtime", "board", "groups", "posture"}
    shown = parameters_in("robot_driver.yaml", "robot_driver")
    assert {**shown, "ports": ()} == defaults(DriverNodeConfig, told)  # an empty list has no type in a parameter file


def run_python(code: str, *words: str) -> str:
    result = subprocess.run(
        [sys.executable, "-c", code, *words], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_the_bring_up_needs_none_of_the_learners_packages() -> None:
    """`ros2 launch` reads it with the system's Python, which has numpy and yaml, but none of these."""
    run_python("""
import sys
for name in ("gymnasium", "torch", "stable_baselines3", "pybullet", "xacro", "matplotlib", "tensorboard", "tqdm"):
    sys.modules[name] = None  # an import of it fails as if it were not installed
import rl_trainer_ros.bringup.system, rl_trainer_ros.bringup.launch_arguments
assert [process.name for process in rl_trainer_ros.bringup.system.system({}).processes] == ["robot_sim", "trainer"]
""")


def asked_by_make_train(words: str) -> list[str]:
    """Return what `make train` would run."""
    if shutil.which("make") is None:
        pytest.skip("needs make")
    said = subprocess.run(
        ["make", "-n", "train", f"ARGS={words}"], cwd=ROOT, capture_output=True, text=True, timeout=20, check=True
    )
    lines = [line for line in said.stdout.splitlines() if re.search("/rl_trainer (train|evaluate)", line)]
    return [line.partition("/rl_trainer ")[2].strip() for line in lines]


def test_make_train_evaluates_where_it_has_trained() -> None:
    assert asked_by_make_train("seed:=1 num_envs:=2 log_dir:=/x control_hz:=50 physics_hz:=250") == [
        "train seed:=1 num_envs:=2 log_dir:=/x control_hz:=50 physics_hz:=250",
        "evaluate run:=latest log_dir:=/x physics_hz:=250",
    ]


def test_make_train_uses_many_robots_unless_it_is_told_something_else() -> None:
    fast = "num_envs:=16 preset:=many_robots num_timesteps:=40000"
    assert asked_by_make_train("") == [f"train {fast}", "evaluate run:=latest"]
    assert asked_by_make_train("seed:=1")[0] == f"train {fast} seed:=1"
    for words in ("algo:=sac", "task:=circular", "num_timesteps:=5000", "resume:=latest", "robot_source:=mock"):
        assert asked_by_make_train(words)[0] == f"train {words}"
    trainer = system(dict(word.split(":=") for word in fast.split()), {}).trainer
    assert len(trainer.parameters["namespaces"]) == 16 and trainer.parameters["preset"] == "many_robots"
    assert hyperparameters("ppo", preset="many_robots")["n_steps"] == 512
