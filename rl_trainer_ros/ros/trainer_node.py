"""Trainer node: trains on the robots that serve the robot contract in its namespaces.

Run it with `ros2 run rl_trainer_ros trainer_node --ros-args --params-file config/trainer.yaml`; its parameters are the
fields of `TrainerConfig`. Exit codes: 0 when training has finished or was stopped, 2 for invalid settings, 3 after a failure,
for example if a robot does not come back. If anything was learned, a model is saved in each case.
"""

from __future__ import annotations

import sys
import traceback

from rclpy.node import Node

from rl_trainer_ros.environments.environment import RobotEnv
from rl_trainer_ros.environments.make_env import Connection, make_environment
from rl_trainer_ros.ros.robot_client.shared_waiter import SharedWaiter
from rl_trainer_ros.ros.robot_client.timeouts import Timeouts
from rl_trainer_ros.ros.trainer_services import TrainerServices
from rl_trainer_ros.ros.watched import watched
from rl_trainer_ros.training import learner_check, resumed_settings
from rl_trainer_ros.training.callbacks.control import Control
from rl_trainer_ros.training.callbacks.metrics import FiguresCallback
from rl_trainer_ros.training.checkpoints.errors import ModelError
from rl_trainer_ros.training.train import TrainingRun
from rl_trainer_ros.training.trainer_config import TrainerConfig
from robot_interface_ros import start
from robot_interface_ros.config import ConfigError
from robot_interface_ros.errors import RobotError, StopRequested
from robot_interface_ros.ros.serving.program import BAD_SETTINGS, Loop, answering, run_program
from robot_interface_ros.ros.transport.rosout import last_word
from robot_interface_ros.ros.transport.runtime import Runtime

FAILED = 3


def prepare(runtime: Runtime, node: Node, config: TrainerConfig) -> Loop:
    """Check all settings and make the environments; the returned loop trains."""
    config = resumed_settings.resolved(config)
    robots = (*config.namespaces, *([config.eval_namespace] if config.eval_namespace else []))
    timeouts = Timeouts(start_timeout_s=config.start_timeout_s, answer_timeout_s=config.answer_timeout_s)
    shared = SharedWaiter(runtime, robots) if config.transport == "topics" else None

    def make_env(namespace: str) -> RobotEnv:
        return make_environment(
            config,
            Connection(
                config.transport,
                namespace,
                runtime=runtime,
                timeouts=timeouts,
                shared=shared,
                learns_encoder=config.srl_learns,
            ),
        )

    training = TrainingRun(config, make_env, shared.fibers if shared else None)

    def stopped() -> bool:
        return runtime.stop_requested

    control = Control()
    figures = FiguresCallback(control, config.best_window, config.num_timesteps, config.realtime, stopped)
    TrainerServices(node, control, lambda: figures.figures, runtime.request_stop)

    def loop() -> int:
        try:
            with answering(runtime, node), watched(runtime, config, training.environments) as callbacks:
                result = training.run(stopped, say, (*callbacks, figures), control.take_save)
        except StopRequested:  # before training started
            return 0
        except (ConfigError, ModelError, OSError) as error:
            last_word(node, "trainer", error)
            return BAD_SETTINGS
        except RobotError as error:
            last_word(node, "trainer", error)
            return FAILED
        if result.error is None:
            return 0
        if not isinstance(result.error, RobotError):
            traceback.print_exception(result.error)
        last_word(node, "trainer", result.error)
        return FAILED

    return loop


def say(line: str) -> None:
    """Print a line. If standard output is closed (the launcher was killed), training and saving continue."""
    try:
        print(line, flush=True)
    except OSError:
        start.discard(sys.stdout)


def main(arguments: list[str] | None = None) -> int:
    """Entry point."""
    if learner_check.OPTION in (arguments if arguments is not None else sys.argv):
        return learner_check.main()
    return run_program("trainer", TrainerConfig, prepare, arguments)


if __name__ == "__main__":
    sys.exit(main())
