#!/usr/bin/env python3
"""A robot with two joints that serves the robot contract with plain rclpy.

    python3 two_joints.py                # in real time, like a physical robot
    python3 two_joints.py --lockstep     # time stands still between two commands, like a simulator

Copy it and replace `Arm` by your hardware. It serves only the six names that the contract requires.
"""

from __future__ import annotations

import argparse
import math
import threading
import time
from pathlib import Path

import rclpy
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.executors import ExternalShutdownException, MultiThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool, String
from std_srvs.srv import SetBool, Trigger

URDF = Path(__file__).with_name("two_joints.urdf")
PERIOD_NS = 50_000_000  # 20 Hz
JOINTS = ("shoulder_joint", "elbow_joint")
REST = {"shoulder_joint": 0.0, "elbow_joint": 0.5}  # rad, as in two_joints.yaml
LOWER, UPPER = -1.5, 1.5  # rad, as in the URDF
TOP_SPEED = {"shoulder_joint": 1.0, "elbow_joint": 1.5}  # rad/s, as in the URDF
HOLD_AFTER_S = 0.3  # without a command


class Arm:
    """Two ideal servos: they move to the commanded position, within their limits."""

    def __init__(self) -> None:
        self.place()

    def place(self) -> None:
        """Jump to rest, which only a simulated robot can do."""
        self.position, self.velocity, self.goal = dict(REST), dict.fromkeys(JOINTS, 0.0), dict(REST)

    def hold(self) -> None:
        """Keep the current position."""
        self.goal = dict(self.position)

    def move(self) -> None:
        """Move for one period."""
        period_s = PERIOD_NS * 1e-9
        for joint, before in self.position.items():
            most = TOP_SPEED[joint] * period_s
            goal = min(max(self.goal[joint], LOWER), UPPER)
            self.position[joint] = before + min(max(goal - before, -most), most)
            self.velocity[joint] = (self.position[joint] - before) / period_s


class TwoJoints(Node):
    """Common code of both modes."""

    def __init__(self, name: str = "two_joints", **options: object):
        super().__init__(name, namespace="two_joints", **options)
        self.arm, self.enabled, self.stamp = Arm(), True, 0
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self.states = self.create_publisher(JointState, "joint_states", 10)
        self.description = self.create_publisher(String, "robot_description", latched)
        self.description.publish(String(data=URDF.read_text()))
        self.create_subscription(JointState, "joint_command", self.on_command, 10)
        self.create_subscription(Bool, "emergency_stop", self.on_emergency_stop, 10)
        self.create_service(SetBool, "enable", self.on_enable)
        # A reset waits until the robot has arrived; everything else is served meanwhile.
        self.create_service(Trigger, "reset", self.on_reset, callback_group=MutuallyExclusiveCallbackGroup())

    def publish(self) -> None:
        """Publish the joint states of `self.stamp`, ns."""
        message = JointState(name=list(JOINTS))
        message.header.stamp.sec, message.header.stamp.nanosec = divmod(self.stamp, 1_000_000_000)
        message.position = [self.arm.position[joint] for joint in JOINTS]
        message.velocity = [self.arm.velocity[joint] for joint in JOINTS]
        self.states.publish(message)

    def why_not(self, command: JointState) -> str:
        """Return why a command is refused as a whole, or an empty text."""
        if not self.enabled:
            return "the robot is stopped: call enable with true"
        if len(command.name) != len(command.position) or len(set(command.name)) != len(command.name):
            return "expected one position for each joint, and each joint once"
        for joint, position in zip(command.name, command.position):
            if joint not in JOINTS or not math.isfinite(position):
                return f"cannot send '{joint}' to {position}; joints: {', '.join(JOINTS)}"
        return ""

    def apply(self, command: JointState) -> bool:
        """Apply a command as a whole or not at all; return whether it was applied."""
        reason = self.why_not(command)
        if reason:
            self.get_logger().warning(f"command refused: {reason}")
            return False
        self.arm.goal.update(zip(command.name, command.position))
        return True

    def on_emergency_stop(self, message: Bool) -> None:
        """True stops until `enable`; false does nothing."""
        if message.data:
            self.enabled = False
            self.arm.hold()

    def on_enable(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        """Allow motion, or stop it."""
        self.enabled = request.data
        self.arm.hold()
        response.success = True
        return response


class RealTime(TwoJoints):
    """Publishes at its own rate, with or without commands."""

    def __init__(self, **options: object):
        super().__init__(**options)
        self.commanded_at, self.reset_ended, self.reset_error = 0.0, threading.Event(), ""
        self.resetting = False
        self.create_timer(PERIOD_NS * 1e-9, self.tick)

    def tick(self) -> None:
        """One period."""
        if self.resetting and not self.enabled:
            self.end_reset("it was stopped on its way to rest")
        elif not self.resetting and time.monotonic() - self.commanded_at > HOLD_AFTER_S:
            self.arm.hold()
        self.arm.move()
        self.stamp = max(time.time_ns(), self.stamp + 1)  # the wall clock; never goes back
        if self.resetting and self.arm.position == REST:
            self.end_reset("")
        self.publish()

    def end_reset(self, error: str) -> None:
        """Answer the waiting reset."""
        self.resetting, self.reset_error, self.reset_stamp = False, error, self.stamp
        self.reset_ended.set()

    def on_command(self, command: JointState) -> None:
        """The latest command wins; its stamp does not matter."""
        if not self.resetting and self.apply(command):
            self.commanded_at = time.monotonic()

    def on_reset(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        """Move to rest; answer on arrival, with the stamp of the first observation there."""
        if not self.enabled:
            response.success, response.message = False, "the robot is stopped: call enable with true"
            return response
        self.reset_ended.clear()
        self.arm.goal, self.resetting = dict(REST), True
        arrived = self.reset_ended.wait(20.0) and not self.reset_error
        response.success = arrived
        response.message = str(self.reset_stamp) if arrived else self.reset_error or "rest was not reached within 20 s"
        return response


class Lockstep(TwoJoints):
    """Time stands still until a command arrives, and then advances by one period."""

    def __init__(self, **options: object):
        super().__init__(**options)
        self.stamp = -(-time.time_ns() // PERIOD_NS) * PERIOD_NS  # the wall clock, rounded up to a period

    def on_command(self, command: JointState) -> None:
        """Current stamp: advance one period. Older or zero: publish the current observation again. Newer: refuse."""
        stamp = command.header.stamp.sec * 1_000_000_000 + command.header.stamp.nanosec
        if stamp > self.stamp:
            self.get_logger().warning(f"command refused: its stamp is newer than the current one, {self.stamp}")
            return
        if stamp == self.stamp:
            if not self.apply(command):
                return
            self.arm.move()
            self.stamp += PERIOD_NS
        self.publish()

    def on_reset(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        """Place the robot at rest, two periods later."""
        if not self.enabled:
            response.success, response.message = False, "the robot is stopped: call enable with true"
            return response
        if self.count_publishers("joint_command") > 1:
            response.success, response.message = False, "two publishers on joint_command; lockstep serves one"
            return response
        self.arm.place()
        self.stamp += 2 * PERIOD_NS
        self.publish()
        response.success, response.message = True, str(self.stamp)
        return response


def main() -> None:
    """Serve until Ctrl-C."""
    parser = argparse.ArgumentParser(description="a robot with two joints")
    parser.add_argument("--lockstep", action="store_true", help="time stands still between two commands")
    options, _ = parser.parse_known_args()
    rclpy.init()
    try:
        executor = MultiThreadedExecutor(num_threads=2)
        executor.add_node(Lockstep() if options.lockstep else RealTime())
        executor.spin()
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except RuntimeError:  # Ctrl-C in the middle of a wait
        if rclpy.ok():
            raise
    finally:
        rclpy.try_shutdown()


if __name__ == "__main__":
    main()
