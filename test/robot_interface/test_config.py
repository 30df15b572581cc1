"""Settings from mappings: an unknown name or a wrong value gives one line with the allowed ones."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from robot_interface_ros.config import ConfigError, from_mapping, option, read_yaml, unknown_name
from robot_sim_ros.sim_config import SimConfig


@dataclass(frozen=True)
class Nested:
    size: float = option(1.0, "a size", minimum=0.0)
    place: str = option("", "a place", choices=("", "here", "there"))


@dataclass(frozen=True)
class Example:
    rate_hz: float = option(20.0, "a rate", minimum=1.0, maximum=50.0)
    names: tuple[str, ...] = option((), "names")
    mode: str = option("a", "a mode", choices=("a", "b"))
    count: int | None = option(None, "a count")
    nested: Nested | None = option(None, "more settings")


def test_values_are_converted_to_the_fields_types() -> None:
    example = from_mapping(Example, {"rate_hz": 5, "names": ["x", "y"], "mode": "b", "count": 3}, "here")
    assert example == Example(5.0, ("x", "y"), "b", 3)
    assert isinstance(example.rate_hz, float)
    for whole in (100_000, 1e5, "1e5", "1.0E+5", ".1e6"):  # PyYAML and ROS parameter files take 1e5 for text
        assert from_mapping(Example, {"count": whole, "rate_hz": "2e1"}, "here") == Example(20.0, count=100_000)


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"rate_hs": 5.0},
            "here: unknown setting 'rate_hs' (did you mean rate_hz?); known: rate_hz, names, mode, count, nested",
        ),
        ({"rate_hz": 51.0}, "here: rate_hz is 51.0; allowed: 1 to 50"),
        ({"rate_hz": float("nan")}, "here: rate_hz is nan; allowed: 1 to 50"),
        ({"rate_hz": "fast"}, "here: rate_hz is 'fast'; expected a number"),
        ({"count": 1.5}, "here: count is 1.5; expected a whole number"),
        ({"count": "1.5e0"}, "here: count is '1.5e0'; expected a whole number"),
        ({"count": "3"}, "here: count is '3'; expected a whole number"),
        ({"rate_hz": True}, "here: rate_hz is True; expected a number"),
        ({"names": "x"}, "here: names is 'x'; expected a list, such as [x]"),
        ({"names": "x, y"}, "here: names is 'x, y'; expected a list"),
        ({"names": {"x": 1}}, "here: names is {'x': 1}; expected a list"),
        ({"names": [1]}, "here: names[0] is 1; expected text"),
        ({"mode": "c"}, "here: unknown mode 'c'; known: a, b"),
        ({"nested": 3}, "here: nested is 3; expected a mapping with size, place"),
        ({"nested": {"size": -1}}, "here: nested: size is -1.0; allowed: 0 or more"),
        ({"nested": {"place": "up"}}, "here: nested: unknown place 'up'; known: here, there"),
        ([1], "here: expected a mapping of settings, got list"),
    ],
)
def test_bad_values_are_named(values: object, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        from_mapping(Example, values, "here")  # type: ignore[arg-type]
    assert str(error.value) == message


@pytest.mark.bad_input
def test_yaml_errors_name_the_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no file .*missing.yaml"):
        read_yaml(tmp_path / "missing.yaml")
    (tmp_path / "bad.yaml").write_text("a: [1,\nb: 2")
    with pytest.raises(ConfigError, match=r"bad.yaml, line 2, column 5: not valid YAML"):
        read_yaml(tmp_path / "bad.yaml")
    (tmp_path / "list.yaml").write_text("- 1")
    with pytest.raises(ConfigError, match="list.yaml: expected a mapping of settings, got list"):
        read_yaml(tmp_path / "list.yaml")


def test_unknown_name_without_anything_known() -> None:
    assert unknown_name("robot", "x", []) == "unknown robot 'x'; known: none"
    assert "(did you mean ppo?)" in unknown_name("algo", "PPO", ["sac", "ppo"])
    assert "(did you mean X?)" in unknown_name("axis", "x", ["X", "Y"])


@pytest.mark.bad_input
def test_physics_must_be_a_multiple_of_control() -> None:
    with pytest.raises(
        ValueError, match=r"physics_hz is 240, which is not a multiple of control_hz 50; use 200 or 250"
    ):
        SimConfig(control_hz=50.0)
    with pytest.raises(ValueError, match=r"control_hz is 30: its period is not a whole number of nanoseconds"):
        SimConfig(control_hz=30.0)
    assert SimConfig(control_hz=50.0, physics_hz=250.0).substeps == 5
