"""A Runtime leaves no nodes and no signal handlers."""

from __future__ import annotations

import pytest

pytest.importorskip("rclpy")
pytestmark = pytest.mark.ros

from rclpy.exceptions import InvalidHandle  # noqa: E402

from robot_interface_ros.ros.transport.runtime import Runtime  # noqa: E402


def test_close_destroys_every_node_also_those_that_somebody_still_holds(domain: int) -> None:
    """A remaining node keeps its DDS participant alive, which delays the next environment of the process."""
    runtime = Runtime(domain_id=domain, signals=False)
    nodes = [runtime.topic_node(f"node_{i}") for i in range(4)]
    nodes[0].destroy_node()  # its owner was faster
    runtime.close()
    for node in nodes:
        with pytest.raises(InvalidHandle):
            node.get_name()
    runtime.close()


def test_settings_of_ours_are_no_remappings(domain: int, capfd: pytest.CaptureFixture[str]) -> None:
    """rcl reads any name:=value of a command line as an old remapping, and warns."""
    Runtime(["rl_trainer", "namespace:=arm", "--ros-args", "-r", "a:=b"], domain_id=domain, signals=False).close()
    assert "remap" not in capfd.readouterr().err
