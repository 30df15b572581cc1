"""Settings of a training run. They are the parameters of the trainer node."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from rl_trainer_ros import factories
from rl_trainer_ros.environments.env_config import GROUND_TRUTH, SRL_STATE, EnvConfig, settings_of
from robot_interface_ros.config import ConfigError, option, unknown_name
from robot_interface_ros.names import check_namespaces

TRAINING, EVALUATION = "training", "evaluation"  # episodes by which the best model is chosen
SETTINGS = ("task_settings", "action_settings", "observation_settings", "gaze_search", "hyperparameters")
"""Names of the settings that are mappings, in YAML."""


@dataclass(frozen=True)
class TrainerConfig(EnvConfig):
    """Settings of the environment (inherited) and of the training. Checked when made; raises ConfigError.

    `config/trainer.yaml` has the defaults for users.
    """

    srl_model: str = option(
        GROUND_TRUTH,
        "source of the target's position for the policy; `rl_trainer list what:=srl_models` shows all. Also: latest, or a path "
        "of an encoder's folder",
    )
    srl_folder: str = option("", "folder of the trained encoder; empty: the one in srl_models", path=True)
    srl_models: str = option(
        "",
        "table of the folders of encoders by robot and task; empty: this package's config/srl_models.yaml",
        path=True,
    )
    srl_learns: bool = option(
        False,
        "the encoder continues to learn from the robots' images, in its own process; a new one is used after each checkpoint "
        "of checkpoint_every_steps (lockstep, algorithms that learn from rollouts)",
    )
    algo: str = option("ppo", "learning algorithm; rl_trainer list shows all")
    hyperparameters: str = option(
        "", "override config/algorithms/<algo>.yaml, in YAML: '{gamma: 0.9}'; or hyperparameters.NAME:=VALUE"
    )
    preset: str = option("", "section of config/algorithms/<algo>.yaml that overrides its defaults, such as few_steps")
    policy: str = option("", "policy network, such as mlp or cnn; empty: the one that suits the observation")
    transport: str = option(
        "topics",
        "topics: robots served over ROS 2 topics; in_process: the trainer simulates them",
        choices=("topics", "in_process"),
    )
    namespaces: tuple[str, ...] = option(
        ("env_0",),
        "robots to train on, one per namespace; a name without leading slash is relative to the node's namespace",
    )
    num_timesteps: int = option(
        150_000,
        "number of environment steps; PPO and similar algorithms end after a whole rollout, so a little later",
        minimum=1,
        maximum=10**12,
    )
    seed: int = option(0, "seed of all randomness", minimum=0, maximum=2**31 - 1)
    log_dir: str = option("runs", "folder for run folders", path=True)
    log_interval_s: float = option(10.0, "time between two log lines, s", minimum=0.1, maximum=3600.0)
    best_by: str = option(
        TRAINING,
        "mean return by which the best model is chosen: of the last training episodes, or of an evaluation during training",
        choices=(TRAINING, EVALUATION),
    )
    best_window: int = option(
        100, "number of episodes for the mean return by which the best model is chosen", minimum=1, maximum=100_000
    )
    best_min_episodes: int = option(20, "number of episodes before a model can be the best", minimum=1, maximum=100_000)
    checkpoint_every_steps: int = option(
        10_000, "steps between two checkpoints; each ends all episodes; 0: none", minimum=0, maximum=10**12
    )
    checkpoint_every_episodes: int = option(
        0, "episodes between two checkpoints; each ends all episodes; 0: none", minimum=0, maximum=10**9
    )
    checkpoint_interval_s: float = option(
        0.0,
        "time between two checkpoints that do not end episodes, s; a resumed run then has other numbers; 0: none",
        minimum=0.0,
        maximum=86_400.0,
    )
    keep_checkpoints: int = option(2, "number of periodic checkpoints to keep", minimum=1, maximum=1_000_000)
    resume: str = option(
        "", "continue a run in its folder: latest, or the path of a run or of a checkpoint in it", path=True
    )
    load_model: str = option(
        "", "start with a trained model: latest, or the path of a run or of a checkpoint in it", path=True
    )
    freeze_normalisation: bool = option(
        True, "with load_model: do not change its statistics of observations and rewards"
    )
    load_replay_buffer: bool = option(False, "with load_model: load its replay buffer too")
    torch_threads: int = option(
        1, "threads of the learner; results of a seed repeat bit for bit with the same number", minimum=1, maximum=256
    )
    device: str = option(
        "auto",
        "where the learner computes; auto: on a graphics card if there is one and the policy sees images; only results of cpu "
        "repeat bit for bit",
        choices=("auto", "cpu", "cuda"),
    )
    eval_every_steps: int = option(
        0, "steps between two evaluations on unseen targets; 0: none", minimum=0, maximum=10**12
    )
    eval_episodes: int = option(20, "number of episodes of an evaluation during training", minimum=1, maximum=1_000_000)
    eval_namespace: str = option(
        "", "namespace of a robot for evaluations during training; empty: simulate one in the trainer"
    )
    eval_video: bool = option(
        False, "film the first episode of each evaluation during training: videos/<steps>.gif, and in TensorBoard"
    )
    cross_evaluate_every_steps: int = option(
        0, "steps between two evaluations of the tasks in cross_evaluate_tasks; 0: none", minimum=0, maximum=10**12
    )
    cross_evaluate_tasks: str = option(
        "", "tasks, separated by commas, to evaluate during training on simulated robots, such as circular,square"
    )
    cross_evaluate_episodes: int = option(
        10, "number of episodes for each task in cross_evaluate_tasks", minimum=1, maximum=1_000_000
    )
    markers: bool = option(False, "publish targets, paths and rewards as markers for RViz")
    start_timeout_s: float = option(
        60.0, "longest wait for a robot to appear and for a reset, s", minimum=0.1, maximum=3600.0
    )
    answer_timeout_s: float = option(
        30.0, "longest wait for the answer to a command, s; covers a simulator's restart", minimum=0.1, maximum=3600.0
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        check_namespaces(self.namespaces)
        self._check_evaluation()
        if self.realtime and self.transport != "topics":
            raise ConfigError(
                "realtime:=true needs transport:=topics; a robot simulated in process has no time between steps"
            )
        settings_of("hyperparameters", self.hyperparameters)
        if self.load_replay_buffer and not self.load_model and not self.resume:
            raise ConfigError("load_replay_buffer:=true needs load_model:=..., whose replay buffer it loads")
        self._find_encoder()
        self._check_learning_encoder()
        gives = self._stands_for or SRL_STATE
        if self.srl_model != GROUND_TRUTH and self.observation not in ("", gives):
            raise ConfigError(
                f"srl_model {self.srl_model} needs observation {gives}, but observation is {self.observation}; leave "
                "one of the two out"
            )

    def _check_learning_encoder(self) -> None:
        if not self.srl_learns:
            return
        if not self.encoder_folder:
            raise ConfigError(
                f"srl_learns needs an encoder, and srl_model {self.srl_model} has none; name one: srl_model:=vae"
            )
        if self.realtime:
            raise ConfigError("srl_learns needs lockstep, in which every image reaches the encoder; leave realtime out")
        if self.eval_namespace:
            raise ConfigError(
                "srl_learns does not work with eval_namespace, whose states are of the first encoder; leave eval_namespace "
                "out, and the trainer simulates a robot for evaluations"
            )
        if not self.checkpoint_every_steps:
            raise ConfigError(
                "srl_learns needs checkpoint_every_steps, because a new encoder is used after a checkpoint"
            )
        if self.cross_evaluate_every_steps:
            raise ConfigError("srl_learns does not work with cross_evaluate_every_steps; leave one of the two out")

    def _find_encoder(self) -> None:
        """Replace `srl_model` by the method of the encoder that it names, and set `srl_folder` unless that is the default one.

        A run's settings then name the encoder for good: another one may be the latest when the run is resumed. `srl_folder`
        alone names an encoder too.
        """
        if self.srl_model == GROUND_TRUTH:
            if self.srl_folder:
                object.__setattr__(self, "srl_model", factories.encoder_method(self.srl_folder))
            return
        if (models := factories.srl_models()).get(self.srl_model):
            if self.srl_folder:
                raise ConfigError(
                    f"srl_model {self.srl_model} has no encoder, but srl_folder is {self.srl_folder}; leave one of the two out"
                )
            return
        if self.srl_folder:
            if self.srl_model not in models:
                known = unknown_name("srl_model", self.srl_model, models)
                raise ConfigError(
                    f"{known}; srl_folder is given too: name the method of its encoder, or leave srl_folder out"
                )
            return
        method, folder = factories.find_encoder(self.srl_model, **self._seeker)
        object.__setattr__(self, "srl_model", method)
        if folder != self.encoder_folder or self.srl_models:  # a run does not need the table again
            object.__setattr__(self, "srl_folder", folder)

    @property
    def _seeker(self) -> dict[str, str]:
        return {"log_dir": self.log_dir, "robot": self.robot, "task": self.task, "table": self.srl_models}

    @property
    def encoder_commands(self) -> tuple[str, str]:
        """The commands that make the encoder: from images of the simulator, and from recorded bags."""
        return factories.encoder_commands(self.srl_model, **self._seeker)

    def _check_evaluation(self) -> None:
        if self.best_by == EVALUATION and not self.eval_every_steps:
            raise ConfigError("best_by:=evaluation needs evaluations: eval_every_steps:=10000 or similar")
        if self.eval_video and not self.eval_every_steps:
            raise ConfigError("eval_video:=true has no effect without eval_every_steps:=10000 or similar")
        if self.eval_video and self.eval_namespace:
            raise ConfigError(
                "eval_video:=true needs a robot that is simulated in the trainer, but eval_namespace names another one; leave "
                "one of the two out"
            )
        if bool(self.cross_evaluate_every_steps) != bool(self.cross_evaluate_tasks):
            missing = (
                "cross_evaluate_tasks:=circular,square or similar"
                if self.cross_evaluate_every_steps
                else "cross_evaluate_every_steps:=10000 or similar"
            )
            raise ConfigError(f"cross-evaluation during training needs both steps and tasks; add {missing}")
        if not self.eval_namespace:
            return
        check_namespaces((*self.namespaces, self.eval_namespace))  # a robot in training is in the middle of an episode
        if not self.eval_every_steps or self.transport != "topics":
            missing = "transport:=topics" if self.eval_every_steps else "eval_every_steps:=10000 or similar"
            raise ConfigError(f"eval_namespace has no effect without {missing}")

    @property
    def state(self) -> str:
        """Name of the encoder, or of the observation without one; part of the path of a run folder."""
        return self.srl_model if self.srl_model != GROUND_TRUTH else self.observed

    @property
    def _stands_for(self) -> str:
        """The observation that `srl_model` is another name for; empty: it is an encoder."""
        return GROUND_TRUTH if self.srl_model == GROUND_TRUTH else factories.srl_models()[self.srl_model]

    @property
    def observed(self) -> str:
        """The observation's name: see EnvConfig, and srl_model may name it too."""
        return self._stands_for if self.srl_model != GROUND_TRUTH and self._stands_for else super().observed

    @property
    def encoder_folder(self) -> str:
        """Folder of the encoder; empty if none is used."""
        if self._stands_for:
            return ""
        return self.srl_folder or f"{self.log_dir}/srl/{self.srl_model}"

    def environment(self, **changes: Any) -> EnvConfig:
        """Return only the settings of the environment, with `changes`, to make it outside of this training."""
        own = {field.name: getattr(self, field.name) for field in dataclasses.fields(EnvConfig)}
        named = {"observation": self._stands_for} if self.srl_model != GROUND_TRUTH and self._stands_for else {}
        return EnvConfig(**{**own, **named, "srl_folder": self.encoder_folder, **changes})
