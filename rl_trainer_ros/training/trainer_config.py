"""Settings of a training run; the trainer node's parameters are these."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from rl_trainer_ros.environments.env_config import GROUND_TRUTH, SRL_STATE, EnvConfig, settings_of
from robot_interface_ros.config import ConfigError, option
from robot_interface_ros.names import check_namespaces

TRAINING, EVALUATION = "training", "evaluation"  # what decides which model is best
SRL_MODELS = (GROUND_TRUTH, "autoencoder", "supervised", "random")
SETTINGS = ("task_settings", "action_settings", "observation_settings", "hyperparameters")
"""Settings that are mappings, in YAML."""


@dataclass(frozen=True)
class TrainerConfig(EnvConfig):
    """The settings of the environment, which are inherited, and of the training. Checked when made.

    Defaults for users lie in `config/trainer.yaml`.
    """

    srl_model: str = option(GROUND_TRUTH, "what tells the policy where the target is", choices=SRL_MODELS)
    srl_folder: str = option("", "folder of the trained encoder; empty: <log_dir>/srl/<srl_model>", path=True)
    algo: str = option("ppo", "learning algorithm; rl_trainer list shows them")
    hyperparameters: str = option(
        "", "on top of config/algorithms/<algo>.yaml, in YAML: '{gamma: 0.9}'; or hyperparameters.NAME:=VALUE"
    )
    preset: str = option("", "section of config/algorithms/<algo>.yaml laid over its defaults, such as few_steps")
    policy: str = option("", "policy network, such as mlp or cnn; empty: the one that fits the observation")
    transport: str = option(
        "topics",
        "topics: robots behind ROS 2; in_process: simulate in the trainer itself",
        choices=("topics", "in_process"),
    )
    namespaces: tuple[str, ...] = option(
        ("env_0",),
        "robots to train on, one per namespace; one without a slash in front lies in the node's own namespace",
    )
    num_timesteps: int = option(
        150_000,
        "environment steps to train for; PPO and its like end with a whole rollout, so a little later",
        minimum=1,
        maximum=10**12,
    )
    seed: int = option(0, "seed of everything random", minimum=0, maximum=2**31 - 1)
    log_dir: str = option("runs", "where run folders are made", path=True)
    log_interval_s: float = option(10.0, "time between two log lines", minimum=0.1, maximum=3600.0)
    best_by: str = option(
        TRAINING,
        "mean return that decides which model is best: of training's last episodes, or of an evaluation during training",
        choices=(TRAINING, EVALUATION),
    )
    best_window: int = option(100, "episodes whose mean return decides which model is best", minimum=1, maximum=100_000)
    best_min_episodes: int = option(20, "episodes before a model can be the best", minimum=1, maximum=100_000)
    checkpoint_every_steps: int = option(
        10_000, "steps between two checkpoints, each of which ends all episodes; 0: none", minimum=0, maximum=10**12
    )
    checkpoint_every_episodes: int = option(
        0, "episodes between two checkpoints, each of which ends all episodes; 0: none", minimum=0, maximum=10**9
    )
    checkpoint_interval_s: float = option(
        0.0,
        "time between two checkpoints that end no episode; going on from one gives other numbers; 0: none",
        minimum=0.0,
        maximum=86_400.0,
    )
    keep_checkpoints: int = option(2, "periodic checkpoints that are kept", minimum=1, maximum=1_000_000)
    resume: str = option(
        "", "go on with a run in its own folder: latest, or the path of a run or of a checkpoint in it", path=True
    )
    load_model: str = option(
        "", "begin with a trained model: latest, or the path of a run or of a checkpoint in it", path=True
    )
    freeze_normalisation: bool = option(
        True, "with load_model: keep its statistics of observations and rewards as they are"
    )
    load_replay_buffer: bool = option(False, "with load_model: begin with its replay buffer too")
    torch_threads: int = option(
        1, "threads of the learner; the same seed repeats bit for bit for the same number", minimum=1, maximum=256
    )
    eval_every_steps: int = option(
        0, "steps between two evaluations on targets of their own; 0: none", minimum=0, maximum=10**12
    )
    eval_episodes: int = option(20, "episodes of an evaluation during training", minimum=1, maximum=1_000_000)
    eval_namespace: str = option(
        "", "robot that evaluations during training run on, over topics; empty: one simulated in the trainer"
    )
    eval_video: bool = option(
        False, "film the first episode of each evaluation during training: videos/<steps>.gif, and in TensorBoard"
    )
    cross_evaluate_every_steps: int = option(
        0, "steps between two evaluations of the tasks in cross_evaluate_tasks; 0: none", minimum=0, maximum=10**12
    )
    cross_evaluate_tasks: str = option(
        "", "tasks, with commas, that are evaluated during training on robots simulated in the trainer: circular,square"
    )
    cross_evaluate_episodes: int = option(
        10, "episodes of each task in cross_evaluate_tasks", minimum=1, maximum=1_000_000
    )
    markers: bool = option(False, "publish targets, trails and rewards as markers for RViz")
    start_timeout_s: float = option(60.0, "wait for a robot to appear and for a reset", minimum=0.1, maximum=3600.0)
    answer_timeout_s: float = option(
        30.0, "wait for the answer to a command; covers a simulator's restart", minimum=0.1, maximum=3600.0
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        check_namespaces(self.namespaces)
        self._check_evaluation()
        if self.realtime and self.transport != "topics":
            raise ConfigError("realtime:=true needs transport:=topics; in this process time stands still between steps")
        settings_of("hyperparameters", self.hyperparameters)
        if self.load_replay_buffer and not self.load_model and not self.resume:
            raise ConfigError("load_replay_buffer:=true needs load_model:=..., whose replay buffer it loads")
        encoded = self.srl_model != GROUND_TRUTH
        if encoded and self.observation not in ("", SRL_STATE):
            raise ConfigError(
                f"srl_model {self.srl_model} gives the observation {SRL_STATE}, but observation is {self.observation}; leave "
                "one of the two out"
            )

    def _check_evaluation(self) -> None:
        if self.best_by == EVALUATION and not self.eval_every_steps:
            raise ConfigError("best_by:=evaluation needs evaluations: eval_every_steps:=10000 or the like")
        if self.eval_video and not self.eval_every_steps:
            raise ConfigError("eval_video:=true has no effect without eval_every_steps:=10000 or the like")
        if self.eval_video and self.eval_namespace:
            raise ConfigError(
                "eval_video:=true films a robot that is simulated in the trainer, and eval_namespace asks for another; leave "
                "one of the two out"
            )
        if bool(self.cross_evaluate_every_steps) != bool(self.cross_evaluate_tasks):
            lacks = (
                "cross_evaluate_tasks:=circular,square or the like"
                if self.cross_evaluate_every_steps
                else "cross_evaluate_every_steps:=10000 or the like"
            )
            raise ConfigError(f"cross-evaluation during training needs both steps and tasks; add {lacks}")
        if not self.eval_namespace:
            return
        check_namespaces((*self.namespaces, self.eval_namespace))  # a robot that learns is in the middle of an episode
        if not self.eval_every_steps or self.transport != "topics":
            lacks = "transport:=topics" if self.eval_every_steps else "eval_every_steps:=10000 or the like"
            raise ConfigError(f"eval_namespace has no effect without {lacks}")

    @property
    def state(self) -> str:
        """What the policy sees, in one word: the encoder, or the observation where there is none."""
        return self.srl_model if self.srl_model != GROUND_TRUTH else self.observed

    @property
    def encoder_folder(self) -> str:
        """Folder of the encoder, empty where none is used."""
        if self.srl_model == GROUND_TRUTH:
            return ""
        return self.srl_folder or f"{self.log_dir}/srl/{self.srl_model}"

    def environment(self, **changes: Any) -> EnvConfig:
        """Return the settings of the environment alone, with `changes`: to make it elsewhere than in this training."""
        own = {field.name: getattr(self, field.name) for field in dataclasses.fields(EnvConfig)}
        return EnvConfig(**{**own, "srl_folder": self.encoder_folder, **changes})
