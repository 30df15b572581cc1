"""Player node: a trained policy moves a robot in real time, without end and without learning.

`rl_trainer enjoy` starts it with a simulated robot and the page. It resets the robot once, and again only after an
interruption or when a task ends that does not continue after success, so the hand follows a target that a person drags. It
publishes the policy's distribution, action and value.
"""

from __future__ import annotations

import contextlib
import sys
from dataclasses import dataclass

from rclpy.node import Node

from robot_interface_ros.config import option
from robot_interface_ros.errors import RobotError, StopRequested
from robot_interface_ros.ros.serving.program import Loop, answering, run_program
from robot_interface_ros.ros.transport.rosout import last_word
from robot_interface_ros.ros.transport.runtime import Runtime

FAILED = 3


@dataclass(frozen=True)
class PlayerConfig:
    """Checked by `from_mapping`."""

    run: str = option("latest", "latest, a run folder, or a folder in it such as its best/", path=True)
    model: str = option("final", "model of the run", choices=("final", "best", "latest"))
    log_dir: str = option("runs", "folder in which latest is searched", path=True)
    namespaces: tuple[str, ...] = option(("env_0",), "the robot to move")
    start_timeout_s: float = option(60.0, "how long to wait for the robot at the start", minimum=0.1, maximum=3600.0)


def prepare(runtime: Runtime, node: Node, config: PlayerConfig) -> Loop:
    """Load the policy and connect to the robot; the loop plays until a stop is requested."""
    import torch

    from rl_trainer_ros.environments.frame_stack import stacked
    from rl_trainer_ros.environments.make_env import Connection, make_environment
    from rl_trainer_ros.environments.requirements import task_class
    from rl_trainer_ros.evaluation.policy_runner import PolicyRunner
    from rl_trainer_ros.recording.policy_streams import PolicyStreams
    from rl_trainer_ros.ros.policy_publisher import PolicyPublisher
    from rl_trainer_ros.ros.robot_client.timeouts import Timeouts
    from rl_trainer_ros.training import trained_policy
    from rl_trainer_ros.training.checkpoints.errors import ModelError
    from rl_trainer_ros.training.runs import robot_files

    found = trained_policy.load(config.run, config.model, config.log_dir)
    robot_files.check(found.run, found.config.robot, "train the policy again")
    trained_policy.check_encoder(found)
    torch.set_num_threads(found.config.torch_threads)
    settings = found.config.settings("task")
    can_go_on = hasattr(task_class(found.config.task).Settings, "end_at_success")
    holds = can_go_on and settings.get("end_at_success", True)
    if can_go_on:
        settings = {**settings, "end_at_success": False}
    connection = Connection(
        "topics", config.namespaces[0], runtime=runtime, timeouts=Timeouts(start_timeout_s=config.start_timeout_s)
    )
    environment = make_environment(
        found.config.environment(realtime=True, task_settings=settings, random_start=0), connection
    )
    try:
        trained_policy.check_observation(found, environment)
    except ModelError:
        environment.close()
        raise
    act = PolicyRunner(found.policy.algorithm, found.policy.normalisation.apply)
    numbers = PolicyStreams(found.policy.algorithm.policy, environment, act)
    player = stacked(environment, environment.config.frame_stack)

    def play(publisher: PolicyPublisher) -> None:
        """Play until the task has ended or the episode is interrupted.

        A policy that was trained in episodes that end at success has not learned to act after it: there the robot holds until
        the target is moved.
        """
        environment.still = False
        observation, _ = player.reset()
        act.begin()
        ended = False
        while not ended and not runtime.stop_requested:
            action = act(observation, environment)
            publisher.publish(numbers.after(action, observation), environment.step_state.observation.stamp)
            observation, _, terminated, truncated, info = player.step(action)
            ended = terminated or truncated
            environment.still = bool(holds and info["is_success"])
            if "interrupted" in info:
                node.get_logger().warning(f"interrupted, starts again: {info['interrupted']}")

    def loop() -> int:
        try:
            with (
                answering(runtime, node),
                contextlib.closing(PolicyPublisher(runtime, config.namespaces[0])) as publisher,
            ):
                node.get_logger().info(f"plays {found.model} ({found.config.task}) on {config.namespaces[0]}")
                while not runtime.stop_requested:
                    play(publisher)
        except StopRequested:
            return 0
        except RobotError as error:
            last_word(node, "player", error)
            return FAILED
        finally:
            environment.close()
        return 0

    return loop


def main(arguments: list[str] | None = None) -> int:
    """Entry point."""
    return run_program("player", PlayerConfig, prepare, arguments)


if __name__ == "__main__":
    sys.exit(main())
