"""Serve a robot in the process of the test, and find one that is served elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rl_trainer_ros.ros.robot_client.timeouts import Timeouts
from rl_trainer_ros.ros.robot_client.topic_robot import TopicRobot
from robot_interface_ros.lockstep import LockstepRobot
from robot_interface_ros.realtime.realtime_robot import RealTimeRobot
from robot_interface_ros.realtime.ticker import Ticker
from robot_interface_ros.robot import Episode
from robot_interface_ros.robot_config import RobotDescription, load_robot
from robot_interface_ros.ros.serving.program import Stepping
from robot_interface_ros.ros.serving.realtime_server import RealTimeLoop, RealTimeServer
from robot_interface_ros.ros.serving.robot_server import RobotServer
from robot_interface_ros.ros.transport.runtime import Runtime
from robot_interface_ros.safety.safe_robot import SafeRobot


def serve_here(
    stepping: Stepping,
    robot: SafeRobot,
    description: RobotDescription,
    realtime: bool,
    inner: Callable[[SafeRobot], Any] | None = None,
    server: type[RobotServer] = RobotServer,
) -> Callable[[], None] | None:
    """Serve `robot` in /env_0; return the turn for `stepping.run`, None in lockstep.

    `inner`, `server`: replacements for LockstepRobot or RealTimeRobot, and for RobotServer.
    """
    where = stepping.node, stepping.waiter, stepping.episode_node("/env_0"), "/env_0"
    if not realtime:
        server(*where, (inner or LockstepRobot)(robot), description)
        return None
    ticked = (inner or RealTimeRobot)(robot)
    loop = RealTimeServer(server(*where, ticked, description), ticked)
    return RealTimeLoop(stepping.node, stepping.waiter, [loop], Ticker(robot.period_ns)).turn


def discover(runtime: Runtime, period_ns: int = 50_000_000) -> None:
    """Reset InMoov in /env_0 once. A short timeout that a test sets afterwards does not measure how fast DDS discovery is.

    A node stays, because DDS forgets a context's discoveries with its last node.
    """
    runtime.node("stays", start_parameter_services=False)
    timeouts = Timeouts(start_timeout_s=60.0, answer_timeout_s=60.0)
    robot = TopicRobot(runtime, load_robot("inmoov"), period_ns=period_ns, timeouts=timeouts)
    robot.reset(Episode())
    robot.close()
