"""The page reads a robot with batches from these, so that the robot publishes nothing again for it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("viser")

from geometry_msgs.msg import PoseStamped, WrenchStamped
from sensor_msgs.msg import JointState
from std_msgs.msg import String

from rl_trainer_ros.environments import requirements
from rl_trainer_ros.environments.make_env import make_robot_env
from robot_interface_ros.ros.transport.contract import LATCHED
from robot_interface_ros.ros.transport.runtime import Runtime
from robot_interface_ros.ros.transport.waiting import make_waiter
from robot_page_ros.ros import batch_rows
from robot_page_ros.ros.robot_link import RobotLink
from robot_page_ros.view import RobotView

pytestmark = pytest.mark.ros
IN_ROWS = {"joint_states": JointState, "target_pose": PoseStamped, "contact": WrenchStamped, "world_state": JointState}


class Topics:
    """The robot's own topics, as another subscriber sees them."""

    def __init__(self, runtime: Runtime):
        self.newest: dict[str, Any] = {}
        self.waiter = make_waiter(runtime.topic_node("subscriber"))
        for name, kind in IN_ROWS.items():
            self.waiter.subscribe(kind, f"/env_1/{name}", partial(self.newest.__setitem__, name))

    def agree_with(self, view: RobotView) -> bool:
        joints, target, contact, signals = (self.newest[name] for name in IN_ROWS)
        place, force = target.pose.position, contact.wrench.force
        return (
            view.position == dict(zip(joints.name, joints.position))
            and view.signals == dict(zip(signals.name, signals.position))
            and np.array_equal(view.target_position, (place.x, place.y, place.z))
            and np.array_equal(view.force, (force.x, force.y, force.z))
        )


def test_the_page_takes_no_messages_of_a_robot_with_batches(
    simulator: Callable, domain: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It needs no topic of the robot's own while rows come, shows the same values, and returns to them without rows.

    A stray place whose topic has another type ends neither the page nor the training.
    """
    posture = requirements.task_class("button").posture
    simulator(namespaces="[/env_0, /env_1]", world="button", posture=posture, contact=True)
    with Runtime(domain_id=domain, signals=False) as trainer, Runtime(domain_id=domain, signals=False) as looker:
        env = make_robot_env("button", transport="topics", namespace="/env_1", runtime=trainer)
        env.action_space.seed(0)
        link = RobotLink(looker, "/env_1", lambda urdf: None)
        view = link.view
        env.reset(seed=5)

        def step_until(condition: Callable[[], object]) -> None:
            deadline = time.monotonic() + 60.0
            while not condition():
                assert time.monotonic() < deadline
                if env.step(env.action_space.sample())[2]:
                    env.reset()
                link.take()

        counter = looker.topic_node("counter")

        def page_has(number: int) -> bool:
            names = [counter.get_subscriptions_info_by_topic(f"/env_1/{name}") for name in IN_ROWS]
            return all(sum("page" in one.node_name for one in ones) == number for ones in names)

        step_until(lambda: view.signals and view.force is not None and page_has(0))
        view.position, view.signals, view.force = {}, {}, None
        step_until(lambda: view.position and view.signals and view.force is not None)
        assert page_has(0)

        topics = Topics(looker)
        step_until(lambda: topics.waiter.wait(0.0) or len(topics.newest) == len(IN_ROWS))
        deadline = time.monotonic() + 30.0
        while not topics.agree_with(view):
            assert time.monotonic() < deadline, (topics.newest, view)
            topics.waiter.wait(0.05)
            link.take()
        topics.waiter.close()

        monkeypatch.setattr(batch_rows, "SILENT_S", -1.0)
        step_until(lambda: page_has(1))

        stray = counter.create_publisher(String, "/env_1/batch", LATCHED)
        place = {"robot": 1, "joints": list(view.position), "commands": "/env_1/batch_commands", "states": "/rosout"}
        stray.publish(String(data=json.dumps(place)))  # /rosout has another type
        step_until(lambda: link._rows._place is not None and link._rows._place.robot == 1)
        env.reset()
        arrived = view.arrived["joint_states"]
        step_until(lambda: view.arrived["joint_states"] > arrived)
        env.close()
        link.close()
