"""Lockstep through a proxy that drops, duplicates, delays and reorders messages: no number changes.

LOSSY_STEPS=20000 runs the full length; the default is shorter. LOSSY_SEED=1 samples other losses, targets and actions, so that
several processes can share a longer proof: for a million steps with ground truth, 50 of

    LOSSY_SEED=$k LOSSY_STEPS=20000 pytest -m lockstep test/over_topics/test_lossy_topics.py -k ground_truth

or, with batches of LOSSY_ROBOTS robots that make LOSSY_STEPS / 2 steps each (of the task button: a tenth),

    LOSSY_ROBOTS=8 LOSSY_STEPS=250000 pytest -m lockstep test/over_topics/test_lossy_topics.py -k batches
"""

from __future__ import annotations

import hashlib
import heapq
import itertools
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy")
from geometry_msgs.msg import PoseStamped
from gymnasium.wrappers import TimeLimit
from rcl_interfaces.srv import SetParameters
from sensor_msgs.msg import Image, JointState
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv
from std_msgs.msg import Float64MultiArray, String
from std_srvs.srv import Trigger

from rl_trainer_ros.environments import requirements
from rl_trainer_ros.environments.make_env import make_robot_env
from rl_trainer_ros.environments.vectorised.robot_vec_env import RobotVecEnv
from rl_trainer_ros.ros.robot_client.shared_waiter import SharedWaiter
from rl_trainer_ros.ros.robot_client.timeouts import Timeouts
from robot_interface_ros.robot import Observation
from robot_interface_ros.ros.transport.contract import LATCHED, RELIABLE
from robot_interface_ros.ros.transport.messages import stamp_ns
from robot_interface_ros.ros.transport.runtime import Runtime
from robot_interface_ros.ros.transport.waiting import DirectWaiter

pytestmark = [pytest.mark.lockstep, pytest.mark.ros]
STEPS, SEED = int(os.environ.get("LOSSY_STEPS", "1500")), int(os.environ.get("LOSSY_SEED", "0"))
ROBOTS = int(os.environ.get("LOSSY_ROBOTS", "2"))
DROP, DUPLICATE, DELAY, LOSE_ANSWER = 0.02, 0.02, 0.03, 0.2
LONGEST_DELAY_S = 0.05  # several control steps, so that later messages overtake delayed ones


class LossyWaiter(DirectWaiter):
    """A service that can leave a request without an answer."""

    def _answer(self, service: Any, response: Any, header: Any) -> None:
        if response is not None:
            super()._answer(service, response, header)


class LossyProxy(threading.Thread):
    """Forwards the contract from `robot` to `client` unreliably; the SRL node in namespace `encoder` is between them."""

    def __init__(
        self,
        domain: int,
        robot: str,
        client: str,
        encoder: str | None = None,
        cameras: tuple[str, ...] = (),
        batch_of: str = "",
        world_state: bool = False,
    ):
        """`batch_of`: first robot of the process, whose namespace has the batches; empty: the client finds no batches."""
        super().__init__(name="lossy_proxy", daemon=True)
        self.runtime = Runtime(domain_id=domain)
        name = "lossy_proxy" + robot.replace("/", "_")
        self.node = self.runtime.node(name, start_parameter_services=False)
        self.waiter = LossyWaiter(self.node)
        self.runtime.on_stop(self.waiter.wake)
        self.random, self.count = np.random.default_rng(SEED), itertools.count()
        self.pictures: dict[tuple[int, str], str] = {}
        """Stamp and topic -> digest of the image that the robot published."""
        self.later: list[tuple[float, int, Any, Any]] = []
        self.done = {"dropped": 0, "duplicated": 0, "delayed": 0, "answers lost": 0}
        self.pass_on(JointState, f"{client}/joint_command", f"{robot}/joint_command")
        self.pass_on(JointState, f"{robot}/joint_states", f"{client}/joint_states")
        self.pass_on(PoseStamped, f"{robot}/target_pose", f"{client}/target_pose")
        self.pass_on(String, f"{robot}/command_rejected", f"{client}/command_rejected")
        if world_state:
            self.pass_on(JointState, f"{robot}/world_state", f"{client}/world_state")
        for camera in cameras:
            topic = f"camera/{camera}/image_raw"
            self.pass_on(Image, f"{robot}/{topic}", f"{encoder}/{topic}")
            # The trainer looks whether its robot has the cameras that an SRL node encodes; it never reads the images.
            self.node.create_publisher(Image, f"{client}/{topic}", RELIABLE)
        self.batches = 0
        if batch_of:
            self.pass_on_place(f"{robot}/batch", f"{client}/batch")
        if batch_of == robot:
            self.pass_on(Float64MultiArray, "/lossy/batch_commands", f"{robot}/batch_commands")
            self.pass_on(Float64MultiArray, f"{robot}/batch_states", "/lossy/batch_states")
        if encoder:
            self.pass_on(JointState, f"{encoder}/srl_state", f"{client}/srl_state")
        self.pass_on_calls(Trigger, f"{client}/reset", f"{robot}/reset")
        self.pass_on_calls(SetParameters, f"{client}/robot/set_parameters", f"{robot}/robot/set_parameters")

    def pass_on(self, kind: Any, source: str, target: str) -> None:
        publisher = self.node.create_publisher(kind, target, RELIABLE)

        def passed(message: Any) -> None:
            if kind is Image:
                self.pictures[stamp_ns(message), source] = picture_of(message.data)
            self.batches += kind is Float64MultiArray
            self.mistreat(publisher, message)

        self.waiter.subscribe(kind, source, passed)

    def pass_on_place(self, source: str, target: str) -> None:
        """Name the proxy's topics in a robot's place in its batch. This message is only delayed."""
        publisher = self.node.create_publisher(String, target, LATCHED)

        def passed(message: String) -> None:
            topics = {"commands": "/lossy/batch_commands", "states": "/lossy/batch_states"}
            publisher.publish(String(data=json.dumps({**json.loads(message.data), **topics})))

        self.waiter.subscribe(String, source, passed, LATCHED)

    def mistreat(self, publisher: Any, message: Any) -> None:
        fate = self.random.random()
        if fate < DROP:
            self.done["dropped"] += 1
            return
        if fate < DROP + DELAY:
            self.done["delayed"] += 1
            due = time.monotonic() + self.random.uniform(0.0, LONGEST_DELAY_S)
            heapq.heappush(self.later, (due, next(self.count), publisher, message))
            return
        publisher.publish(message)
        if fate < DROP + DELAY + DUPLICATE:
            self.done["duplicated"] += 1
            publisher.publish(message)

    def pass_on_calls(self, kind: Any, source: str, target: str) -> None:
        """Calls are executed; then the answer may be lost, so that the client calls again."""
        name = "lossy_caller_" + target.strip("/").replace("/", "_")
        inner = self.runtime.node(name, start_parameter_services=False)
        waiter = DirectWaiter(inner)
        client = waiter.client(kind, target)

        def call(request: Any, response: Any) -> Any:
            future, deadline = client.call_async(request), time.monotonic() + 20.0
            while not future.done() and time.monotonic() < deadline:
                waiter.wait(0.5)
            if self.random.random() < LOSE_ANSWER or not future.done():
                self.done["answers lost"] += 1
                return None
            return future.result()

        self.waiter.serve(kind, source, call)

    def run(self) -> None:
        while not self.runtime.stop_requested:
            until = min(0.5, self.later[0][0] - time.monotonic()) if self.later else 0.5
            self.waiter.wait(max(0.0, until))
            while self.later and self.later[0][0] <= time.monotonic():
                _, _, publisher, message = heapq.heappop(self.later)
                publisher.publish(message)

    def close(self) -> None:
        self.runtime.request_stop()
        self.join(10.0)
        self.runtime.close()


@pytest.fixture
def proxy(domain: int) -> Iterator[Callable[..., LossyProxy]]:
    made: list[LossyProxy] = []

    def start_proxy(robot: str = "/real", client: str = "/env_0", **settings: Any) -> LossyProxy:
        made.append(LossyProxy(domain, robot, client, **settings))
        made[-1].start()
        return made[-1]

    yield start_proxy
    for one in made:
        one.close()


def trajectory(
    environment: Any, steps: int, picture: Callable[[Observation], str] = lambda observation: ""
) -> list[tuple[Any, ...]]:
    """Return random episodes of at most 60 steps as bytes: the policy's input, and the image that was encoded."""
    limited, generator, rows, ended = TimeLimit(environment, 60), np.random.default_rng(1 + SEED), [], True
    for k in range(steps):
        if ended:
            observation, info = limited.reset(seed=None if k else 2 + SEED)
            rows.append((picture(environment.step_state.observation), observation.tobytes(), info["target"]))
        observation, reward, terminated, truncated, info = limited.step(
            generator.uniform(-1.0, 1.0, 5).astype(np.float32)
        )
        assert "interrupted" not in info, info["interrupted"]
        told = (reward, terminated, truncated, info["elapsed_ns"])
        rows.append((picture(environment.step_state.observation), observation.tobytes(), *told))
        ended = terminated or truncated
    environment.close()
    return rows


def picture_of(image: Any) -> str:
    return hashlib.sha256(bytes(image)).hexdigest()


def assert_same(over_topics: list[tuple[Any, ...]], in_process: list[tuple[Any, ...]]) -> None:
    """Compare row by row; a failure names the rows and columns that differ."""
    names = ("picture", "observation", "reward or target", "terminated", "truncated", "elapsed_ns")
    assert len(over_topics) == len(in_process)
    differing = {
        k: [name for name, a, b in zip(names, there, here) if a != b]
        for k, (there, here) in enumerate(zip(over_topics, in_process))
        if there != here
    }
    assert not differing, f"{len(differing)} of {len(in_process)} rows differ: {dict(list(differing.items())[:20])}"


def assert_lossy(proxy: LossyProxy) -> None:
    """Check that much was lost. Each episode has two calls: of fifty, fewer than five answers are lost in 2 % of all runs."""
    answers, messages = proxy.done["answers lost"], [proxy.done[fate] for fate in ("dropped", "duplicated", "delayed")]
    assert answers and all(count >= STEPS // 300 for count in messages), proxy.done


PATIENT = Timeouts(start_timeout_s=60.0, answer_timeout_s=60.0, repeat_after_s=0.03)


@pytest.mark.timeout(1800)
def test_ground_truth_through_a_lossy_proxy(simulator: Callable, proxy: Callable) -> None:
    simulator(namespaces="[/real]")
    lossy = proxy()
    over_topics = trajectory(make_robot_env(transport="topics", timeouts=PATIENT), STEPS)
    assert_same(over_topics, trajectory(make_robot_env(), STEPS))
    assert_lossy(lossy)


@pytest.mark.srl_node
@pytest.mark.timeout(1800)
@pytest.mark.usefixtures("one_torch_thread")
def test_images_states_and_their_memory_through_a_lossy_proxy(
    simulator: Callable, start: Callable, proxy: Callable, estimating_encoder: str
) -> None:
    cameras = ("external", "above")
    groups = "[right_arm, head, eyes]"
    simulator(namespaces="[/real]", cameras=f"[{', '.join(cameras)}]", groups=groups)
    start("srl_ros.ros.srl_node", namespaces="[/encoder]", srl_folder=estimating_encoder).wait_for(
        "encoding external, above images"
    )
    lossy = proxy(encoder="/encoder", cameras=cameras)
    # With a memory, and with eyes that look at what it holds, and search while it is uncertain.
    search = {"head_roll_joint": 0.1, "head_pan_joint": -0.6}
    remembered = {"observation_settings": {"estimate": True}, "gaze": "estimate", "gaze_search": search}
    settings = {"srl_folder": estimating_encoder, **remembered}
    over_topics = trajectory(
        make_robot_env(transport="topics", timeouts=PATIENT, **settings),
        STEPS,
        lambda seen: " ".join(lossy.pictures[seen.stamp, f"/real/camera/{name}/image_raw"] for name in cameras),
    )
    in_process = trajectory(
        make_robot_env(**settings),
        STEPS,
        lambda seen: " ".join(picture_of(seen.images[name].tobytes()) for name in cameras),
    )
    assert_same(over_topics, in_process)
    assert_lossy(lossy)


@pytest.mark.timeout(7200)
@pytest.mark.parametrize(("task", "steps"), [("reach", STEPS // 2), ("button", STEPS // 10)], ids=["reach", "button"])
def test_batches_of_several_robots_through_a_lossy_proxy(
    simulator: Callable, proxy: Callable, domain: int, task: str, steps: int
) -> None:
    """Batches are lost, repeated, delayed and overtake each other; each robot has the numbers of one alone in process.

    The batches of the task button have the signals of the world too.
    """
    senses = task == "button"
    world = {"world": "button", "posture": requirements.task_class(task).posture} if senses else {}
    simulator(namespaces=f"[{', '.join(f'/real_{i}' for i in range(ROBOTS))}]", **world)
    lossy = [proxy(f"/real_{i}", f"/env_{i}", batch_of="/real_0", world_state=senses) for i in range(ROBOTS)]
    patient = Timeouts(start_timeout_s=60.0, answer_timeout_s=60.0, repeat_after_s=0.2)
    names = tuple(f"/env_{i}" for i in range(ROBOTS))
    with Runtime(domain_id=domain) as runtime:
        shared = SharedWaiter(runtime, names)
        robots = [
            make_robot_env(
                transport="topics", namespace=name, runtime=runtime, shared=shared, timeouts=patient, task=task
            )
            for name in names
        ]
        together = RobotVecEnv([TimeLimit(robot, 60) for robot in robots], shared.fibers, absent_after_s=60.0)
        over_topics = vectorised_rows(together, steps)
    alone = vectorised_rows(DummyVecEnv([lambda: TimeLimit(make_robot_env(task=task), 60)] * ROBOTS), steps)
    differing = [k for k, (there, here) in enumerate(zip(over_topics, alone)) if there != here]
    assert not differing and len(over_topics) == len(alone), (
        f"{len(differing)} rows differ, the first is {differing[:1]}"
    )
    assert lossy[0].batches > steps, "robots did not use their batches"
    assert lossy[0].done["dropped"] and lossy[0].done["duplicated"] and lossy[0].done["delayed"], lossy[0].done


def vectorised_rows(vec_env: VecEnv, steps: int) -> list[Any]:
    """Return observations, rewards and ends of random episodes as bytes."""
    generator = np.random.default_rng(1 + SEED)
    vec_env.seed(2 + SEED)
    rows: list[Any] = [vec_env.reset().tobytes()]
    for _ in range(steps):
        observation, rewards, ended, infos = vec_env.step(generator.uniform(-1.0, 1.0, (ROBOTS, 5)).astype(np.float32))
        assert not any("interrupted" in info for info in infos), infos
        rows.append((observation.tobytes(), rewards.tobytes(), ended.tolist()))
    vec_env.close()
    return rows
