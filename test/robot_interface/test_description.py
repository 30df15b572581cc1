"""From a path to URDF text; a failure gives one line with the cause."""

import sys
from pathlib import Path

import pytest

from robot_interface_ros.files import description
from robot_interface_ros.files.description import resolve, share_directory, urdf_text

NAMESPACE = 'xmlns:xacro="http://www.ros.org/wiki/xacro"'


def written(file: Path, content: str) -> Path:
    file.write_text(f'<robot name="r" {NAMESPACE}>{content}</robot>')
    return file


def test_a_urdf_is_read_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "robot.urdf"
    file.write_text("<robot>é ${x}</robot>", encoding="utf-8")
    assert urdf_text(file) == "<robot>é ${x}</robot>"


def test_a_xacro_gets_its_arguments(tmp_path: Path) -> None:
    file = written(tmp_path / "a.xacro", '<xacro:arg name="who" default="left"/><link name="$(arg who)_${1 + 1}"/>')
    assert '<link name="left_2"/>' in urdf_text(file)
    assert '<link name="right_2"/>' in urdf_text(str(file), {"who": "right"})
    assert '<link name="left_2"/>' in urdf_text(file)  # nothing is left over from the call before


def test_no_line_is_too_long_for_pybullet() -> None:
    assert max(map(len, urdf_text(share_directory() / "urdf/inmoov.urdf.xacro").splitlines())) < 1000


def test_arguments_of_included_files_are_known(tmp_path: Path) -> None:
    written(tmp_path / "inner.xacro", '<xacro:arg name="inner" default="1"/><link name="l$(arg inner)"/>')
    outer = written(tmp_path / "outer.xacro", '<xacro:include filename="inner.xacro"/>')
    assert '<link name="l5"/>' in urdf_text(outer, {"inner": "5"})


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "content, arguments, complaint",
    [
        ('<link name="${nothing}"/>', {}, "xacro cannot process .*name 'nothing' is not defined"),
        ('<xacro:include filename="none.xacro"/>', {}, "xacro cannot process .*none.xacro"),
        ("<link>", {}, "xacro cannot process .*mismatched tag"),
        ('<xacro:arg name="who" default=""/>', {"whom": "x"}, "has no argument whom; known: who"),
        ("", {"who": "x"}, "has no argument who; known: none"),
    ],
)
def test_a_bad_xacro_is_refused_in_one_line(
    tmp_path: Path, content: str, arguments: dict[str, str], complaint: str
) -> None:
    file = written(tmp_path / "bad.xacro", content)
    with pytest.raises(ValueError, match=complaint) as caught:
        urdf_text(file, arguments)
    assert "\n" not in str(caught.value)


@pytest.mark.bad_input
def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no robot description at .*gone\.urdf; give a \.urdf or \.xacro"):
        urdf_text(tmp_path / "gone.urdf")
    with pytest.raises(FileNotFoundError, match="no ROS package 'no_such_package'"):
        urdf_text("package://no_such_package/robot.urdf")
    (tmp_path / "plain.urdf").write_text("<robot/>")
    with pytest.raises(ValueError, match="takes no arguments, got articulated"):
        urdf_text(tmp_path / "plain.urdf", {"articulated": "all"})


def test_resolve_knows_home_and_package_paths() -> None:
    assert resolve("~/robot.urdf") == Path.home() / "robot.urdf"
    assert resolve(Path("some/robot.urdf")) == Path("some/robot.urdf")
    assert resolve("package://rl_trainer_ros/urdf/inmoov.urdf.xacro") == share_directory() / "urdf/inmoov.urdf.xacro"


def test_share_directory_is_found_beside_an_installed_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In <prefix>/lib/python3.x/site-packages, where pip and colcon install it; the interpreter's prefix may differ."""
    module = tmp_path / "lib" / "python3.11" / "site-packages" / "robot_interface_ros" / "files" / "description.py"
    share = tmp_path / "share" / "rl_trainer_ros"
    (share / "urdf").mkdir(parents=True)
    monkeypatch.setattr(description, "__file__", str(module))
    assert share_directory() == share


@pytest.mark.bad_input
def test_a_lost_share_directory_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(description, "__file__", str(tmp_path / "robot_interface_ros" / "files" / "description.py"))
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.delenv("AMENT_PREFIX_PATH", raising=False)
    with pytest.raises(FileNotFoundError, match="install the package again"):
        share_directory()
