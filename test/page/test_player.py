"""The policy that ships with the package reaches its target, and follows it where it is moved."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("viser")

from robot_interface_ros.robot_config import load_robot
from robot_interface_ros.ros.transport.runtime import Runtime
from robot_page_ros.ros.robot_link import RobotLink

pytestmark = [pytest.mark.ros, pytest.mark.realtime]
REACHED_M = 0.03


def test_the_hand_goes_after_a_target_that_is_moved(simulator: Callable, start: Callable, domain: int) -> None:
    simulator(realtime=True)
    player = start("rl_trainer_ros.ros.player_node", run="config/policies/reach")
    player.wait_for("plays")
    inmoov = load_robot("inmoov")
    chain = inmoov.model.chain(inmoov.config.end_effector)
    with Runtime(domain_id=domain, signals=False) as runtime:
        link = RobotLink(runtime, "/env_0", lambda urdf: None)
        view = link.view

        def distance() -> float:
            if not view.position or view.target_position is None:
                return np.inf
            hand = chain.position([view.position[name] for name in chain.joint_names])
            return float(np.linalg.norm(hand - view.target_position))

        def until(condition: Callable[[], bool]) -> None:
            deadline = time.monotonic() + 30.0
            while not condition():
                assert time.monotonic() < deadline, distance()
                link.take()
                time.sleep(0.02)

        def place_target(posture: dict[str, float]) -> None:
            """Put the target where the hand is in this posture."""
            target = chain.position([posture[name] for name in chain.joint_names])
            link.request_target(target)
            until(lambda: view.target_position is not None and np.allclose(view.target_position, target))

        until(lambda: link.takes_target and view.position and "action" in view.arrived)
        reachable = dict(zip(inmoov.joint_names, inmoov.rest)) | {
            "r_elbow_flex_joint": -0.8,
            "r_shoulder_lift_joint": -0.3,
        }
        place_target({**view.position, **reachable})
        until(lambda: distance() < REACHED_M)
        commands = 0
        while commands < 40:  # the robot holds there
            before = view.arrived["action"]
            until(lambda: view.arrived["action"] > before)  # noqa: B023  called in this turn alone
            commands += 1
            assert distance() < 2 * REACHED_M
        assert set(view.policy) == {"action", "action_probabilities", "value", "observation"}
        place_target({**view.position, "r_elbow_flex_joint": view.position["r_elbow_flex_joint"] - 0.4})
        assert distance() > 2 * REACHED_M
        until(lambda: distance() < REACHED_M)
        link.close()
