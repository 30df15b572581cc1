"""Player node: a trained policy moves a robot in real time, without end and without learning.

`rl_trainer enjoy` starts it with a simulated robot and the page. It resets the robot once, and again only after an
interruption, so the hand follows a target that a person drags.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

from rclpy.node import Node

from robot_interface_ros.config import option
from robot_interface_ros.errors import RobotError, StopRequested
from robot_interface_ros.ros.serving.program import Loop, ServiceThread, run_program
from robot_interface_ros.ros.transport.rosout import last_word
from robot_interface_ros.ros.transport.runtime import Runtime

FAILED = 3


@dataclass(frozen=True)
class PlayerConfig:
    """Checked by `from_mapping`."""

    run: str = option("latest", "run folder, or something in it such as its best/; or latest", path=True)
    model: str = option("final", "which of the run's models", choices=("final", "best", "latest"))
    log_dir: str = option("runs", "where latest is looked for", path=True)
    namespaces: tuple[str, ...] = option(("env_0",), "the robot to move")
    start_timeout_s: float = option(60.0, "how long to wait for the robot at the start", minimum=0.1, maximum=3600.0)


def prepare(runtime: Runtime, node: Node, config: PlayerConfig) -> Loop:
    """Load the policy and connect to the robot; the loop plays until a stop is requested."""
    from rl_trainer_ros.environments.make_env import Connection, make_environment
    from rl_trainer_ros.environments.requirements import task_class
    from rl_trainer_ros.evaluation.policy_runner import PolicyRunner
    from rl_trainer_ros.ros.robot_client.timeouts import Timeouts
    from rl_trainer_ros.training import trained_policy

    found = trained_policy.load(config.run, config.model, config.log_dir)
    settings = found.config.settings("task")
    if hasattr(task_class(found.config.task).Settings, "end_at_success"):
        settings = {**settings, "end_at_success": False}
    connection = Connection(
        "topics", config.namespaces[0], runtime=runtime, timeouts=Timeouts(start_timeout_s=config.start_timeout_s)
    )
    environment = make_environment(found.config.environment(realtime=True, task_settings=settings), connection)
    act = PolicyRunner(found.policy.algorithm, found.policy.normalisation.apply)

    def loop() -> int:
        services = ServiceThread(runtime)
        services.add(node)
        services.start()
        node.get_logger().info(f"plays {found.model} ({found.config.task}) on {config.namespaces[0]}")
        try:
            while not runtime.stop_requested:
                observation, _ = environment.reset()
                act.begin()
                info: dict[str, object] = {}
                while "interrupted" not in info and not runtime.stop_requested:
                    observation, _, _, _, info = environment.step(act(observation, environment))
                if "interrupted" in info:
                    node.get_logger().warning(f"interrupted, starts again: {info['interrupted']}")
        except StopRequested:
            return 0
        except RobotError as error:
            last_word(node, "player", error)
            return FAILED
        finally:
            environment.close()
            services.close()
        return 0

    return loop


def main(arguments: list[str] | None = None) -> int:
    """Entry point."""
    return run_program("player", PlayerConfig, prepare, arguments)


if __name__ == "__main__":
    sys.exit(main())
