"""Trainer node: trains on the robots that serve the robot contract in its namespaces.

Run it with `ros2 run rl_trainer_ros trainer_node --ros-args --params-file config/trainer.yaml`; the parameters are the
fields of `TrainerConfig`. It exits with 0 when training ended or was stopped, 2 for bad settings, 3 when a robot failed
for good; but for bad settings there is always a saved model.
"""

from __future__ import annotations

import sys

from rclpy.node import Node

from rl_trainer_ros.environment import RobotEnv
from rl_trainer_ros.make_env import make_robot_env
from rl_trainer_ros.model_files import ModelError
from rl_trainer_ros.ros.topic_robot import Patience
from rl_trainer_ros.trainer_config import TrainerConfig
from rl_trainer_ros.training import env_settings, in_process_env, train
from robot_interface_ros.errors import RobotError, StopRequested
from robot_interface_ros.ros.parameters import from_parameters
from robot_interface_ros.ros.runtime import Runtime
from robot_interface_ros.ros.serving import ServiceThread


def run(runtime: Runtime, node: Node) -> int:
    """Train as the node's parameters say; returns the exit code."""
    config = from_parameters(node, TrainerConfig)
    services = ServiceThread(runtime)
    services.add(node)
    services.start()
    patience = Patience(start_timeout_s=config.start_timeout_s, answer_timeout_s=config.answer_timeout_s)

    def make_env(namespace: str) -> RobotEnv:
        if config.transport == "in_process":
            return in_process_env(config)
        return make_robot_env(
            **env_settings(config), transport="topics", namespace=namespace, runtime=runtime, patience=patience
        )

    try:
        result = train(
            config, make_env, should_stop=lambda: runtime.stop_requested, report=lambda line: print(line, flush=True)
        )
    finally:
        services.close()
    if result.error is not None:
        print(f"trainer: {result.error}", file=sys.stderr, flush=True)
        return 3
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Entry point."""
    with Runtime(sys.argv if arguments is None else arguments) as runtime:
        node = Node("trainer", context=runtime.context, automatically_declare_parameters_from_overrides=True)
        try:
            return run(runtime, node)
        except StopRequested:
            return 0
        except (ValueError, RobotError, ModelError, OSError) as error:
            print(f"trainer: {error}", file=sys.stderr, flush=True)
            return 3 if isinstance(error, RobotError) else 2


if __name__ == "__main__":
    sys.exit(main())
