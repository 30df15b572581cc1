"""Worlds as YAML: the shipped ones, and the errors for mistakes."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from robot_interface_ros.config import ConfigError
from robot_interface_ros.robot import Episode
from robot_interface_ros.robot_config import load_robot
from robot_sim_ros.pybullet_robot import make_robot
from robot_sim_ros.sim_config import SimConfig
from robot_sim_ros.world.config import load_world, world_from_mapping, world_names
from robot_sim_ros.world.kinds import Bounce, Button, Pursue
from robot_sim_ros.world.layout import check_robot

REPO = Path(__file__).resolve().parents[2]
WORLDS = {
    "reach",
    "tomato",
    "button",
    "two_buttons",
    "two_buttons_distractors",
    "moving_button",
    "distractors",
    "chasing",
    "escape",
}


def world(**values: Any) -> Any:
    return world_from_mapping(values, "mine", "mine.yaml")


def test_the_shipped_worlds_are_what_they_say() -> None:
    assert set(world_names()) == WORLDS
    assert load_world("reach").needs == ()
    assert load_world("button").needs == ("table",)
    assert load_world("escape").needs == ("arena",)
    assert load_world("two_buttons").find(Button).count == 2
    assert load_world("moving_button").target.motion == Bounce("y", 0.001, 0.12)
    assert load_world("escape").target.motion == Pursue(0.02, "arena")


def test_ones_own_world_is_loaded_by_path(tmp_path: Path) -> None:
    path = tmp_path / "tall.yaml"
    path.write_text("objects: [{kind: tomato_plant, height: 0.5}]\ntarget: {anchor: root, offset: [0.3, -0.4, 1.2]}\n")
    observation = make_robot(SimConfig(world=str(path))).reset(Episode())
    np.testing.assert_array_equal(observation.target_position, [0.3, -0.4, 1.2])


def test_the_world_in_the_documentation_is_one() -> None:
    text = (REPO / "docs" / "worlds.md").read_text(encoding="utf-8")
    shown = yaml.safe_load(text.split("```yaml\n")[1].split("```")[0])
    found = world(**shown)
    assert found.find(Button).count == 3 and found.target.motion == Bounce("y", 0.002, 0.05)
    assert all(f"| `{name}` |" in text for name in WORLDS)


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"object": []}, r"mine.yaml: unknown setting 'object' \(did you mean objects\?\); known: objects, target"),
        (
            {"objects": [{"kind": "tabel"}]},
            r"objects\[0\]: unknown kind 'tabel' \(did you mean table\?\); known: marker,",
        ),
        ({"objects": ["table"]}, r"objects\[0\] is 'table'; expected a mapping with a kind: marker,"),
        (
            {"objects": [{"kind": "table", "length": 1}]},
            r"objects\[0\]: unknown setting 'length'.*known: size, thickness",
        ),
        ({"objects": [{"kind": "button", "travel": -1.0}]}, r"objects\[0\]: travel is -1.0; allowed: 0.001 to 0.2"),
        ({"objects": [{"kind": "button", "travel": 0.05}]}, r"objects\[0\]: travel is 0.05 m; it must not exceed half"),
        (
            {"objects": [{"kind": "button", "pressed_at": 0.2}]},
            r"released_at is 0.3; it must not exceed pressed_at 0.2",
        ),
        ({"objects": []}, "world mine: 0 objects carry the target; give exactly one of marker, tomato_plant, button"),
        ({"objects": [{"kind": "marker"}, {"kind": "button"}]}, "2 objects carry the target"),
        (
            {"objects": [{"kind": "button"}, {"kind": "button"}]},
            "button is listed twice; for several buttons set count",
        ),
        ({"objects": [{"kind": "marker"}, {"kind": "distractors"}]}, "distractors need a table"),
        ({"objects": [{"kind": "marker"}], "target": {"anchor": "tabel"}}, "unknown anchor 'tabel'|known: rest, table"),
        (
            {"objects": [{"kind": "marker"}], "target": {"motion": {"kind": "fly"}}},
            "motion: unknown kind 'fly'; known: still",
        ),
        ({"objects": [{"kind": "marker"}], "target": {"motion": {"kind": "bounce", "axis": "w"}}}, "known: x, y, z"),
        ({"objects": [{"kind": "marker"}], "target": {"where": 1}}, "unknown setting 'where'; known: anchor, offset"),
    ],
)
def test_a_mistake_is_one_line_that_lists_what_is_known(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as error:
        world(**values)
    assert "\n" not in str(error.value)


@pytest.mark.bad_input
def test_an_unknown_world_is_named_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"unknown world 'buton' \(did you mean button\?\); known: button, chasing"):
        make_robot(SimConfig(world="buton"))


@pytest.mark.bad_input
@pytest.mark.parametrize(("name", "needed"), [("button", "table"), ("escape", "arena")])
def test_a_robot_without_what_the_world_needs_is_named(name: str, needed: str) -> None:
    description = load_robot("inmoov")
    bare = dataclasses.replace(description, config=dataclasses.replace(description.config, table=None, arena=None))
    with pytest.raises(ConfigError, match=f"world {name} needs the robot's {needed}, and robot inmoov has none; add"):
        check_robot(load_world(name), bare)
