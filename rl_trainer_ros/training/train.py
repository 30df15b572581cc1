"""A training run, from its settings to the saved model. Does not need ROS: `make_env` makes the environments."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import torch
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.utils import set_random_seed
from stable_baselines3.common.vec_env import VecNormalize

from rl_trainer_ros import algorithms, factories
from rl_trainer_ros.algorithms.devices import check_device, device_for
from rl_trainer_ros.algorithms.hyperparameters import after_first_episodes
from rl_trainer_ros.algorithms.learner import check_actions, make_learner, observation_kind, policy_name
from rl_trainer_ros.algorithms.protocol import Learner
from rl_trainer_ros.algorithms.sb3_learner import Sb3Learner
from rl_trainer_ros.environments.env_config import settings_of
from rl_trainer_ros.environments.environment import RobotEnv
from rl_trainer_ros.environments.frame_stack import seen_space
from rl_trainer_ros.environments.make_env import make_environment
from rl_trainer_ros.environments.rendering import RGB_ARRAY, check_camera
from rl_trainer_ros.environments.vectorised.absence import AbsentRows, leave_out_of_replay
from rl_trainer_ros.environments.vectorised.fibers import Fibers
from rl_trainer_ros.tasks import Task
from rl_trainer_ros.training import learning_encoder, vec_envs
from rl_trainer_ros.training.callbacks.checkpoints import CheckpointCallback
from rl_trainer_ros.training.callbacks.control import SaveOnRequest
from rl_trainer_ros.training.callbacks.make_callbacks import last_evaluation, make_callbacks
from rl_trainer_ros.training.callbacks.progress import ProgressCallback
from rl_trainer_ros.training.checkpoints.errors import NotSaved
from rl_trainer_ros.training.checkpoints.folders import TIMED, trained
from rl_trainer_ros.training.checkpoints.saver import Diverged, Saver
from rl_trainer_ros.training.cross_evaluation.tasks import check_fit
from rl_trainer_ros.training.learning_encoder import LearningEncoder
from rl_trainer_ros.training.runs import encoders, logs, run_folder
from rl_trainer_ros.training.runs.run_folder import TrainingResult
from rl_trainer_ros.training.start_mode import beginning
from rl_trainer_ros.training.trainer_config import TrainerConfig
from robot_interface_ros.errors import StopRequested

MakeEnv = Callable[[str], RobotEnv]
Report = Callable[[str], None]


class TrainingRun:
    """One run. The constructor checks all settings and makes the environments; `run` trains and always saves."""

    def __init__(self, config: TrainerConfig, make_env: MakeEnv, fibers: Fibers | None = None):
        """`make_env(namespace)`: returns the environment of one robot; `run` closes it.

        `fibers`: the robots of these environments wait in them, if several can wait at the same time.
        """
        self._begin = beginning(config)
        config = self._config = self._begin.config
        self._fibers, self._make_env = fibers, make_env
        given = settings_of("hyperparameters", config.hyperparameters)
        algorithms.hyperparameters(
            config.algo, given, preset=config.preset
        )  # refuse wrong settings before waiting for robots
        encoders.check_method(config)
        learning_encoder.check(config)
        check_device(config.device)
        self._encoder_id = factories.load_encoder(config.encoder_folder).id if config.encoder_folder else None
        local = config.namespaces[:1] if vec_envs.in_processes(config) else config.namespaces
        self._evaluated: list[RobotEnv] = []
        self._environments = [make_env(namespace) for namespace in local]
        if config.srl_learns:  # the encoder of the checkpoint, which `make_env` may not know
            for environment in self._environments:
                environment.use_encoder(config.encoder_folder)
        check_fit(config, factories.load_encoder(config.encoder_folder) if config.encoder_folder else None)
        if config.eval_video:
            check_camera(self._environments[0].arm.description)
        observation, action = seen_space(self._environments[0]), self._environments[0].action_space
        check_actions(config.algo, action)
        policy_name(config.algo, observation, config.policy)
        self._begin.check(self._encoder_id, observation, action)
        first_episodes = len(config.namespaces) * self._environments[0].task.max_episode_steps
        self._hyperparameters = after_first_episodes(
            self._begin.hyperparameters(observation_kind(observation)), first_episodes
        )

    @property
    def environments(self) -> tuple[RobotEnv, ...]:
        """The environments in this process: one per robot, or only the first if other processes simulate the robots."""
        return tuple(self._environments)

    def run(
        self,
        should_stop: Callable[[], bool] = lambda: False,
        report: Report = print,
        callbacks: Sequence[BaseCallback] = (),
        asked_to_save: Callable[[], bool] = lambda: False,
    ) -> TrainingResult:
        """Train until all steps are done, a stop is requested or an error ends the training. A model is saved in each case.

        `callbacks`: additional callbacks of stable-baselines3, called after each step. `asked_to_save`: called before each
        rollout; True saves a checkpoint.
        """
        torch.set_num_threads(self._config.torch_threads)
        try:
            robot = self._environments[0].arm.description
            with self._begin.folder(self._hyperparameters, robot) as folder:
                return self._run(folder, should_stop, report, callbacks, asked_to_save)
        finally:
            for environment in self._environments:
                environment.close()

    def _run(
        self,
        folder: Path,
        should_stop: Callable[[], bool],
        report: Report,
        callbacks: Sequence[BaseCallback],
        asked_to_save: Callable[[], bool],
    ) -> TrainingResult:
        config, before = self._config, self._begin
        try:
            learner, statistics = self._learner(folder)
            begins = before.take_over()
            learner.set_logger(logs.logger(folder, before.num_timesteps if before.run else None, report))
        except BaseException:
            self._forget(folder)
            raise
        report(" ".join(("run folder", str(folder), begins)).strip())
        for line in (hidden(config, self._environments[0].task), encoders.unlike(config)):
            if line:
                report(line)
        progress = ProgressCallback(config, learner, should_stop, report, before.notes.get("progress", ()))
        about, say = self._about(), progress.say
        saver = Saver(folder, learner, statistics, about, config.keep_checkpoints, say, before.training_s)
        watching = make_callbacks(config, folder, self._evaluated_env, say, should_stop)
        checkpoints = CheckpointCallback(
            config, learner, saver.save, before.notes.get("checkpoints"), lambda: last_evaluation(watching)
        )
        learning = None
        if config.srl_learns:
            learning = LearningEncoder(
                config, folder, learner.env, self._evaluated, lambda name: about.update(encoder=name), say, should_stop
            )
            checkpoints.before_exact = learning.boundary
        saver.notes = lambda: {"checkpoints": checkpoints.notes(), "progress": progress.notes()}
        on_request = SaveOnRequest(asked_to_save, lambda: saver.save(TIMED), say)
        ended, error = "finished", None
        try:
            if learning:
                learning.begin(before.num_timesteps)
            learner.learn(
                config.num_timesteps - before.num_timesteps,
                # Checkpoints are last: they may begin new episodes, so everything else due at the same step must be done.
                callback=[AbsentRows(), progress, on_request, *watching, *callbacks, checkpoints],
                anew=before.checkpoint is None,
            )
            if should_stop():
                ended = "stopped"
            else:
                learner.complete()
        except StopRequested:
            ended = "stopped"
        except Exception as failure:  # save the learned model after every error
            ended, error = "failed", failure
        progress.close()
        if learning:
            learning.close()
        learned = learner.num_timesteps > 0
        untrained = not trained({"algo": config.algo, "counters": learner.counters(), "ended": ended})
        try:  # save first: the callbacks' plots may take long, or fail
            if learned:
                saver.save_end(ended)
        except NotSaved as failure:
            ended, error = "failed", error or failure
        except Diverged as failure:  # it explains any other error
            ended, error = "failed", failure
        for observer in watching:
            observer.close()
        result = TrainingResult(folder, learner.num_timesteps, saver.training_s(), ended, error)
        if learned:
            with suppress(OSError):  # a full disk, which the saver has reported
                run_folder.write_result(result)
        learner.close()
        outcome = _outcome(result, saver.newest, untrained)
        report(f"{ended} after {learner.num_timesteps:,} steps and {result.training_s:.0f} s; {outcome}")
        if not learned:
            self._forget(folder)
        return result

    def _forget(self, folder: Path) -> None:
        """Remove the folder of a new run that has learned nothing, so that `latest` is never such a run."""
        if self._begin.run is None:
            shutil.rmtree(folder, ignore_errors=True)

    def _evaluated_env(self) -> RobotEnv:
        """Make the environment for evaluations during the training."""
        config = self._config
        if config.eval_namespace:
            return self._make_env(config.eval_namespace)
        environment = make_environment(config, render_mode=RGB_ARRAY if config.eval_video else None)
        self._evaluated.append(environment)
        return environment

    def _learner(self, folder: Path) -> tuple[Learner, VecNormalize]:
        config, begin = self._config, self._begin
        set_random_seed(config.seed)
        if vec_envs.in_processes(config):
            make_one, n = partial(make_environment, config), len(config.namespaces)
            vec_env = vec_envs.over_processes(make_one, folder, n)
        else:
            vec_env = vec_envs.over_robots(self._environments, folder, config.namespaces, self._fibers)
        vec_env.seed(config.seed)
        statistics = vec_envs.normalised(vec_env, self._hyperparameters.get("gamma", 0.99))
        device = device_for(config.device, statistics.observation_space)
        algorithm = make_learner(
            config.algo, statistics, self._hyperparameters, policy=config.policy, seed=config.seed, device=device
        )
        leave_out_of_replay(algorithm)
        learner = Sb3Learner(algorithm)
        begin.bring(learner, statistics)
        return learner, statistics

    def _about(self) -> dict[str, Any]:
        """Return the description of the run that each checkpoint stores."""
        names = ("task", "robot", "srl_model", "algo", "policy", "action", "frame_stack", "action_repeat")
        about = {name: getattr(self._config, name) for name in names}
        about["observation"] = self._config.observed
        about["robot_urdf_sha256"] = run_folder.urdf_digest(self._environments[0].arm.description)
        about["departed"] = self._begin.departed
        return {**about, "encoder": self._encoder_id, "hyperparameters": self._hyperparameters}


def hidden(config: TrainerConfig, task: Task) -> str:
    """Return a line about values of the task that the policy does not see but its reward depends on; empty if none."""
    if config.task_memory or not task.memory or config.algo.startswith("recurrent"):
        return ""
    return (
        f"the reward of task {config.task} depends on values that the policy does not see ({'; '.join(task.memory)}); "
        "task_memory:=true adds them to the observation"
    )


def _outcome(result: TrainingResult, newest: Path | None, untrained: bool) -> str:
    """Return where the model was saved, in words. `newest`: the checkpoint that was saved last."""
    if not result.num_timesteps:
        return "nothing was learned, so no model is saved"
    if newest is None:
        return "no model saved"
    if result.ended == "finished":
        return f"model saved in {newest}"
    state = "model, untrained because it ended before the first update," if untrained else "model"
    return f"{state} saved in {newest}; continue with resume:={shlex.quote(str(result.folder))}"
