"""Settings of a training run; the trainer node's parameters are these."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from robot_interface_ros.config import ConfigError, option
from robot_interface_ros.files.checked_values import shown
from robot_interface_ros.files.untrusted_files import parse_yaml
from robot_interface_ros.lockstep import period_of
from robot_interface_ros.names import check_namespaces

GROUND_TRUTH = "ground_truth"
TRAINING, EVALUATION = "training", "evaluation"  # what decides which model is best
CAMERA = "external"  # the one whose images are encoded
RAW_PIXELS, SRL_STATE, JOINTS = "raw_pixels", "srl_state", "joints"
SRL_MODELS = (GROUND_TRUTH, "autoencoder", "supervised", "random")


SETTINGS = ("task_settings", "action_settings", "observation_settings", "hyperparameters")


def settings_of(name: str, text: str) -> dict[str, Any]:
    """Read settings that stand as YAML in one text, such as `{contacts: 3}`. Raises ConfigError for what is no mapping."""
    settings = parse_yaml(text, name) if text else {}
    if not isinstance(settings, dict) or not all(isinstance(key, str) for key in settings):
        raise ConfigError(f"{name} is {shown(text)}; expected a mapping of settings, such as {{name: value}}")
    return settings


def observed(observation: str, encoded: bool, goal_conditioned: bool) -> str:
    """Return an observation's name; empty: srl_state with an encoder, joints beside goals, else ground_truth."""
    if observation:
        return observation
    return SRL_STATE if encoded else JOINTS if goal_conditioned else GROUND_TRUTH


@dataclass(frozen=True)
class TrainerConfig:
    """Checked when made; defaults for users lie in `config/trainer.yaml`."""

    task: str = option("reach", "what to learn")
    task_settings: str = option("", "settings of the task, in YAML: '{success_distance_m: 0.05}'; or task.NAME:=VALUE")
    robot: str = option("inmoov", "robot that the package ships, or the path of a robot's .yaml file", path=True)
    joint_group: str = option("", "group of the robot's joints that moves, or all; empty: those that move its hand")
    action: str = option("", "what the policy's numbers do; empty: the task's own, such as joint_velocity")
    action_settings: str = option("", "settings of the action, in YAML: '{speed_m_s: 0.1}'; or action.NAME:=VALUE")
    action_repeat: int = option(1, "control periods that an action lasts; rewards add up", minimum=1, maximum=1000)
    action_noise: float = option(
        0.0,
        "standard deviation of the noise on motions; 1 is the largest motion of a period",
        minimum=0.0,
        maximum=10.0,
    )
    observation: str = option(
        "", "what the policy sees; empty: srl_state with an encoder as srl_model, else ground_truth"
    )
    observation_settings: str = option(
        "", "settings of the observation, in YAML: '{cameras: [left_eye, right_eye]}'; or observation.NAME:=VALUE"
    )
    frame_stack: int = option(
        1, "observations of successive steps that the policy sees at once", minimum=1, maximum=100
    )
    random_start: int = option(0, "random actions at the start of an episode", minimum=0, maximum=1000)
    goal_conditioned: bool = option(False, "observe where the hand is and should be, for hindsight experience replay")
    task_memory: bool = option(
        False, "observe what the task remembers too; rl_trainer list what:=tasks says what that is"
    )
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
    control_hz: float = option(20.0, "commands per second; the robot's own", minimum=1.0, maximum=1000.0)
    realtime: bool = option(
        False, "robots live at their own rate, as physical ones do; false: lockstep, as fast as the machine can"
    )
    max_observation_age_s: float = option(
        0.25, "in real time, an observation that is older cuts the episode", minimum=0.001, maximum=60.0
    )
    max_skew_s: float = option(
        0.2, "in real time, parts of an observation that are further apart cut the episode", minimum=0.0, maximum=60.0
    )
    imperfection: str = option(
        "",
        "what is imperfect about simulated robots: a name in config/imperfections/, such as mild, or the path of a .yaml file; "
        "none: nothing; empty: over topics as in sim_params_file, else nothing",
        path=True,
    )
    world: str = option(
        "",
        "world around a simulated robot: a name (rl_trainer list what:=worlds) or the path of a .yaml file; "
        "empty: the world of the task",
        path=True,
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
    markers: bool = option(False, "publish targets, trails and rewards as markers for RViz")
    start_timeout_s: float = option(60.0, "wait for a robot to appear and for a reset", minimum=0.1, maximum=3600.0)
    answer_timeout_s: float = option(
        30.0, "wait for the answer to a command; covers a simulator's restart", minimum=0.1, maximum=3600.0
    )

    def __post_init__(self) -> None:
        period_of(self.control_hz)
        check_namespaces(self.namespaces)
        self._check_evaluation()
        if self.realtime and self.transport != "topics":
            raise ConfigError("realtime:=true needs transport:=topics; in this process time stands still between steps")
        for name in SETTINGS:
            settings_of(name, getattr(self, name))
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
    def observed(self) -> str:
        """The observation's name, resolved."""
        return observed(self.observation, self.srl_model != GROUND_TRUTH, self.goal_conditioned)

    @property
    def encoder_folder(self) -> str:
        """Folder of the encoder, empty where none is used."""
        if self.srl_model == GROUND_TRUTH:
            return ""
        return self.srl_folder or f"{self.log_dir}/srl/{self.srl_model}"
