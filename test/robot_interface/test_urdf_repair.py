"""Faults of published robot descriptions: each is repaired and reported; correct values stay unchanged."""

from __future__ import annotations

import logging
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from robot_interface_ros.config import ConfigError
from robot_interface_ros.files.description import share_directory, urdf_text
from robot_interface_ros.robot_config import load_robot
from robot_interface_ros.urdf.elements import RobotModelError
from robot_interface_ros.urdf.faults.repair import Repaired, repair
from robot_interface_ros.urdf.robot_model import RobotModel

# Two 10 cm cubes of 0.4 kg, given in grams, half a metre from each other; a ball without shape carries on.
FAULTY = """<robot name="shown_only">
  <link name="base"><visual><geometry><box size="0.1 0.1 0.1"/></geometry></visual>
    <inertial><mass value="400"/><inertia ixx="0.7" ixy="0" ixz="0" iyy="0.7" iyz="0" izz="0.7"/></inertial></link>
  <link name="upper"><collision><geometry><box size="0.1 0.1 0.1"/></geometry></collision>
    <inertial><mass value="400"/><inertia ixx="0.7" ixy="0" ixz="0" iyy="0.7" iyz="0" izz="0.7"/></inertial></link>
  <link name="tip"><inertial><origin xyz="0 0 0.25"/><mass value="100"/>
    <inertia ixx="0.1" ixy="0" ixz="0" iyy="0.1" iyz="0" izz="0.1"/></inertial></link>
  <link name="finger"/>
  <joint name="shoulder" type="revolute"><parent link="base"/><child link="upper"/><axis xyz="0 1 0"/>
    <limit lower="1.5" upper="-0.5" velocity="0" effort="1000"/></joint>
  <joint name="elbow" type="revolute"><origin xyz="0 0 0.5"/><parent link="upper"/><child link="tip"/><axis xyz="0 1 0"/>
    <limit lower="-1" upper="1" velocity="2" effort="3"/></joint>
  <joint name="grip" type="revolute"><parent link="tip"/><child link="finger"/><axis xyz="0 1 0"/>
    <limit lower="0" upper="-1" velocity="0" effort="1000"/><mimic joint="elbow"/></joint>
</robot>"""


def attributes(text: str, path: str) -> dict[str, str]:
    element = ElementTree.fromstring(text).find(path)
    assert element is not None
    return element.attrib


def test_every_fault_is_repaired_and_said_in_one_line_of_its_own() -> None:
    text, notes = repair(FAULTY).text, repair(FAULTY).notes
    model = RobotModel.from_urdf(text)
    assert (model.joints["shoulder"].lower, model.joints["shoulder"].upper) == (-0.5, 1.5)
    assert model.joints["shoulder"].velocity == 0.5
    assert float(attributes(text, "link[@name='upper']/inertial/mass")["value"]) == 0.4
    assert float(attributes(text, "link[@name='upper']/inertial/inertia")["ixx"]) == pytest.approx(0.0007)
    assert float(attributes(text, "link[@name='tip']/inertial/mass")["value"]) == 0.1  # the unit of the others
    # Stretched out: 0.4 kg at 0 m, 0.1 kg at 0.5 + 0.25 m and a finger of a hundredth of 0.4 kg (the median) at 0.5 m ask
    # for 0.76 N·m; three times that.
    assert model.joints["shoulder"].effort == pytest.approx(3 * 9.81 * (0.1 * 0.75 + 0.004 * 0.5), rel=0.01)
    assert model.joints["elbow"].velocity == 2.0
    assert model.joints["elbow"].effort == 3.0
    assert model.joints["grip"].effort == 0.5  # it carries nothing
    assert [note.rpartition(": ")[2] for note in notes] == [
        "joints shoulder, grip",
        "links base, upper, tip",
        "joints shoulder, grip",
        "joints shoulder 2.27, grip 0.5",
    ]
    assert all("\n" not in note for note in notes)
    assert repair(text).notes == ()


def test_speeds_and_efforts_matter_for_what_moves_alone() -> None:
    repaired = repair(FAULTY, moving={"elbow"})
    assert [note.rpartition(": ")[2] for note in repaired.notes] == [
        "joints shoulder, grip",
        "links base, upper, tip",
        "joints grip",  # which follows the elbow
        "joints grip 0.5",
    ]


def test_sound_descriptions_stay_as_they_are() -> None:
    for text in (
        urdf_text(share_directory() / "urdf/inmoov.urdf.xacro"),
        urdf_text("pybullet_data://kuka_iiwa/model.urdf"),
        "no XML",
    ):
        assert repair(text) == Repaired(text, ())


def test_a_strong_robot_keeps_its_strength() -> None:
    heavy = FAULTY.replace('value="400"', 'value="6"').replace('value="100"', 'value="30"').replace("1000", "2000")
    assert RobotModel.from_urdf(repair(heavy).text).joints["shoulder"].effort == 2000.0  # gravity asks for 221 N·m


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "faulty.urdf").write_text(FAULTY)
    file = tmp_path / "shown.yaml"
    file.write_text(
        "urdf: faulty.urdf\nend_effector: tip\narticulated: [arm]\ngroups: {arm: [shoulder, elbow]}\n"
        "max_velocity: {shoulder: 0.9}\n"
    )
    return file


def test_a_robot_is_repaired_when_it_is_loaded_with_a_warning_each(
    config: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        description = load_robot(str(config))
    assert dict(zip(description.joint_names, description.limits.velocity)) == {"shoulder": 0.9, "elbow": 2.0}
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 5  # one for each kind of fault, and one for the finger without an inertial
    assert all(line.startswith("robot shown: repaired ") for line in lines)


@pytest.mark.bad_input
def test_without_repair_the_faults_are_refused(config: Path) -> None:
    config.write_text(config.read_text() + "repair: false\n")
    with pytest.raises(RobotModelError, match="'shoulder' has lower limit 1.5 > upper limit -0.5"):
        load_robot(str(config))
    right_way_up = FAULTY.replace('lower="1.5" upper="-0.5"', 'lower="-0.5" upper="1.5"')
    (config.parent / "faulty.urdf").write_text(right_way_up.replace('upper="-1"', 'upper="1"'))
    config.write_text(config.read_text().replace("max_velocity: {shoulder: 0.9}", ""))
    with pytest.raises(ConfigError, match="no usable mass or inertia on links that move: finger; correct the URDF's"):
        load_robot(str(config))
    whole = (config.parent / "faulty.urdf").read_text()
    inertial = '<inertial><mass value="1"/><inertia ixx="0.1" iyy="0.1" izz="0.1"/></inertial>'
    (config.parent / "faulty.urdf").write_text(
        whole.replace('<link name="finger"/>', f'<link name="finger">{inertial}</link>')
    )
    load_robot.cache_clear()
    with pytest.raises(ConfigError, match="joint shoulder has top speed 0.0"):
        load_robot(str(config))
