"""Who may import whom: every import is checked against the tables of docs/architecture.md."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

REPO = Path(__file__).resolve().parents[2]
PACKAGES = ("robot_interface_ros", "robot_sim_ros", "robot_driver_ros", "srl_ros", "robot_page_ros", "rl_trainer_ros")
ROS = re.compile(r"(rclpy|rpyutils|launch|launch_ros|ament_\w+|\w+_msgs|\w+_srvs|\w+_interfaces)$")
ASKS_AMENT = "robot_interface_ros/files/package_search.py"
MOST_FILES = 15
"""Largest number of modules in a folder, without subfolders."""


class Import(NamedTuple):
    file: str
    """Path from the repository's root."""
    module: str
    """The imported module, or its package if a name is imported."""
    lazy: bool
    """Whether it is inside a function."""
    for_types: bool
    """Whether only type checkers see it."""


@cache
def files() -> dict[str, str]:
    """Every module of this repository by its dotted name, with its path from the root."""
    paths = [path.relative_to(REPO) for package in PACKAGES for path in sorted((REPO / package).rglob("*.py"))]
    return {".".join(path.with_suffix("").parts).removesuffix(".__init__"): path.as_posix() for path in paths}


def found(node: ast.AST, file: str, lazy: bool = False, for_types: bool = False) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        inside = lazy or isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        types = for_types or (isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test))
        if isinstance(child, ast.Import):
            yield from (Import(file, alias.name, lazy, for_types) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            assert child.module and not child.level, f"{file}: imports are absolute here"
            for alias in child.names:
                whole = f"{child.module}.{alias.name}"
                yield Import(file, whole if whole in files() else child.module, lazy, for_types)
        yield from found(child, file, inside, types)


@cache
def imports() -> tuple[Import, ...]:
    sources = {file: (REPO / file).read_text(encoding="utf-8") for file in files().values()}
    return tuple(one for file, text in sources.items() for one in found(ast.parse(text), file))


def of_ros(path: str) -> bool:
    """Whether a file lies in a `ros/` folder."""
    return "ros" in Path(path).parts


@cache
def rules() -> dict[str, dict[str, set[str]]]:
    """The tables: package -> room or module -> those that it may import."""
    text = (REPO / "docs" / "architecture.md").read_text(encoding="utf-8")
    section = text.partition("\n## Who may import whom\n")[2].partition("\n## ")[0]
    tables: dict[str, dict[str, set[str]]] = {}
    for part in section.split("\n### `")[1:]:
        rows = tables.setdefault(part.partition("/`")[0], {})
        for names, allowed in re.findall(r"^\| (`.*?) \|(.*)\|$", part, re.MULTILINE):
            may = set(rows) if "all above" in allowed else set(re.findall(r"`([^`]+)`", allowed))
            rows.update(dict.fromkeys(re.findall(r"`([^`]+)`", names), may))
    return tables


def row_of(path: str) -> tuple[str, str]:
    """The package of a file, and its row in the table: the longest that matches."""
    package, _, inner = path.removesuffix(".py").partition("/")
    rows = rules().get(package, {})
    fitting = [row for row in rows if inner == row or inner.startswith(f"{row}/")]
    assert fitting, f"{path} is in no table of docs/architecture.md: add a row for it"
    return package, max(fitting, key=len)


def test_the_tables_speak_of_every_package_and_of_nothing_else() -> None:
    assert set(rules()) == set(PACKAGES)
    for package, rows in rules().items():
        for name in {*rows, *(one for may in rows.values() for one in may)}:
            path = REPO / package / name
            assert path.is_dir() or path.with_suffix(".py").is_file(), f"docs/architecture.md: {package}/{name} is gone"


@pytest.mark.parametrize("package", PACKAGES)
def test_a_room_imports_what_its_row_says(package: str) -> None:
    wrong = []
    for one in imports():
        target = files().get(one.module, "")
        if not one.file.startswith(f"{package}/") or not target.startswith(f"{package}/"):
            continue
        if one.file == f"{package}/__init__.py" or target == f"{package}/__init__.py":
            continue  # registers the environments; importing anything imports it
        row, inner = row_of(one.file)[1], target.removesuffix(".py").partition("/")[2]
        allowed = {row, row.partition("/")[0], *rules()[package][row]}
        if not any(inner == name or inner.startswith(f"{name}/") for name in allowed):
            wrong.append(f"{one.file} imports {one.module}; its row `{row}` does not allow that")
    assert not wrong, "\n".join(wrong)


def test_packages_import_themselves_and_the_contract_alone() -> None:
    for one in imports():
        package, other = one.file.partition("/")[0], one.module.partition(".")[0]
        if other in PACKAGES and other not in (package, "robot_interface_ros"):
            assert Path(one.file).name == "factories.py", f"{one.file} imports {one.module}; only factories.py may"
            assert one.lazy, f"{one.file} imports {one.module} at its top; a factory imports when it is called"


def test_ros_stays_in_the_ros_folders() -> None:
    for one in imports():
        if of_ros(one.file):
            continue
        name = one.module.partition(".")[0]
        if name not in PACKAGES and ROS.match(name):
            assert one.file == ASKS_AMENT and one.lazy, f"{one.file} imports {one.module}"
        if of_ros(files().get(one.module, "")):
            may = Path(one.file).name == "factories.py" or one.file.startswith("rl_trainer_ros/cli/")
            assert may and one.lazy, f"{one.file} imports {one.module}"


def test_no_files_import_each_other_in_a_circle() -> None:
    graph: dict[str, set[str]] = {}
    for one in imports():
        if one.module in files() and files()[one.module] != one.file and not one.for_types:
            graph.setdefault(one.file, set()).add(files()[one.module])
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"a circle of imports: {' <- '.join(error.args[1])}")


def test_no_folder_holds_more_files_than_a_reader_can_survey() -> None:
    folders = [Path(file).parent for file in files().values() if not file.endswith("__init__.py")]
    for folder in set(folders):
        assert folders.count(folder) <= MOST_FILES, f"{folder} has {folders.count(folder)} files: give some a folder"


SIMULATION = ("pybullet", "robot_sim_ros", "robot_driver_ros", "srl_ros")
LEARNING = ("torch", "stable_baselines3", "sb3_contrib", "matplotlib", "tensorboard")
WITHOUT_ROS = ("rclpy", "launch")
STARTS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "bring-up and the command line": (
        ("rl_trainer_ros/bringup", "rl_trainer_ros/cli"),
        (*SIMULATION, *LEARNING, *WITHOUT_ROS, "gymnasium"),
    ),
    "environments and evaluation": (
        ("rl_trainer_ros/environments", "rl_trainer_ros/evaluation", "rl_trainer_ros/factories"),
        (*SIMULATION, *LEARNING, *WITHOUT_ROS, "rl_trainer_ros.training"),
    ),
    "training": (("rl_trainer_ros/training",), (*SIMULATION, *WITHOUT_ROS, "rl_trainer_ros.bringup")),
    "the robot contract": (("robot_interface_ros",), (*SIMULATION, *LEARNING, *WITHOUT_ROS, "gymnasium")),
    "the driver": (("robot_driver_ros",), (*LEARNING, *WITHOUT_ROS, "gymnasium", "robot_sim_ros", "pybullet")),
    "the simulator": (("robot_sim_ros",), (*LEARNING, *WITHOUT_ROS, "gymnasium", "robot_driver_ros")),
    "state representation": (("srl_ros",), ("stable_baselines3", "gymnasium", *WITHOUT_ROS, "pybullet")),
}
"""Rooms -> modules that an import of the whole room, without `ros/`, must not load."""
NOT_OF_THEM = (
    "robot_interface_ros/files/xacro_child.py",  # a program of its own
    "rl_trainer_ros/environments/vectorised/",  # stable-baselines3's kind of environments
)


@pytest.mark.slow  # each imports a room in a process of its own
@pytest.mark.parametrize("name", STARTS)
def test_what_a_room_loads(name: str) -> None:
    rooms, kept_out = STARTS[name]
    modules = [
        module
        for module, file in files().items()
        if file.startswith(tuple(f"{room}/" if (REPO / room).is_dir() else f"{room}.py" for room in rooms))
        and not of_ros(file)
        and not file.startswith(NOT_OF_THEM)
    ]
    assert modules
    # bring-up may run where there is no Gymnasium, which our package registers with where it finds it
    hidden = "sys.modules['gymnasium'] = None\n" if "gymnasium" in kept_out else ""
    script = f"""import importlib, sys
{hidden}for name in {modules!r}: importlib.import_module(name)
print(*[name for name in {kept_out!r} if sys.modules.get(name)])"""
    ended = subprocess.run([sys.executable, "-c", script], cwd=REPO, capture_output=True, text=True, timeout=100)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.split() == [], f"importing {', '.join(rooms)} loads {ended.stdout}"
