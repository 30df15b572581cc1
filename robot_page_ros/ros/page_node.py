"""Page node: a web page that shows robots, and moves them in real time.

Run it with `rl_trainer page`, or `ros2 run rl_trainer_ros page_node --ros-args -p "namespaces:=[/env_0]"`; the parameters are
the fields of `PageConfig`. It subscribes to robots only while a page is open.
"""

from __future__ import annotations

import contextlib
import sys

from rclpy.node import Node

from robot_interface_ros.config import ConfigError
from robot_interface_ros.names import resolve
from robot_interface_ros.ros.serving.program import Loop, answering, run_program
from robot_interface_ros.ros.transport.runtime import Runtime
from robot_page_ros.page_config import PageConfig

_SWITCH_S = 0.001
"""The thread that draws gives way to the one that receives an emergency stop after so long (Python's default is 5 ms)."""


def prepare(runtime: Runtime, node: Node, config: PageConfig) -> Loop:
    """Start the web server; the loop updates the page until a stop is requested."""
    try:
        from robot_page_ros.page import Page
    except ImportError as error:
        raise ConfigError(f"the page needs {error.name}: pip install 'viser>=1.1,<2'") from None
    from robot_page_ros.ros.emergency_stops import EmergencyStops
    from robot_page_ros.ros.robot_link import RobotLink
    from robot_page_ros.ros.robot_watch import RobotWatch
    from robot_page_ros.ros.trainer_link import TrainerLink

    sys.setswitchinterval(_SWITCH_S)
    trainer = resolve(config.trainer, node.get_namespace())
    page = Page(
        config,
        lambda namespace, description: RobotLink(runtime, namespace, description),
        lambda: TrainerLink(runtime, trainer),
        EmergencyStops(runtime, config.namespaces),
        lambda namespace, description: RobotWatch(runtime, namespace, description),
    )
    runtime.on_stop(page.woken.set)

    def loop() -> int:
        with answering(runtime, node), contextlib.closing(page):
            node.get_logger().info(f"page: open {page.address} in a browser")
            while not runtime.stop_requested:
                page.woken.wait(1.0 / config.rate_hz)
                page.woken.clear()
                page.turn()
        return 0

    return loop


def main(arguments: list[str] | None = None) -> int:
    """Entry point."""
    return run_program("page", PageConfig, prepare, arguments)


if __name__ == "__main__":
    sys.exit(main())
