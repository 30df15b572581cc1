"""Settings of a distillation."""

from __future__ import annotations

from dataclasses import dataclass

from rl_trainer_ros import factories
from rl_trainer_ros.environments.env_config import GROUND_TRUTH, settings_of
from robot_interface_ros.config import ConfigError, option, unknown_name
from robot_interface_ros.files.paths import listed_paths

ALGORITHMS = ("ppo", "a2c", "trpo", "sac")
ALL = "all"


@dataclass(frozen=True)
class DistilConfig:
    """Arguments of `rl_trainer distil`; the student's run keeps them in its `config.yaml`."""

    teachers: str = option("", "trained runs, checkpoints or folders of teacher data, with commas between them")
    resume: str = option(
        "", "continue a distillation: latest, or the path of its run; its own settings are used", path=True
    )
    output: str = option("", "folder to write the teachers' data to, without training a student", path=True)
    set_size: int = option(20_000, "samples of all teachers together", minimum=1, maximum=100_000_000)
    balance: tuple[float, ...] = option(
        (),
        "share of each teacher in the samples and in each epoch, such as [1, 1, 2]; empty: equal",
        minimum=0.0,
        maximum=1e6,
    )
    epochs: int = option(30, "passes over the samples, in each round", minimum=1, maximum=100_000)
    student_rounds: int = option(
        0,
        "further rounds that are recorded while the student acts; its teacher labels them (DAgger)",
        minimum=0,
        maximum=1000,
    )
    temperature: float = option(
        1.0,
        "of the teacher's distribution: below 1 sharper, above 1 softer; 0.01 for dqn and qrdqn",
        minimum=1e-3,
        maximum=1e3,
    )
    sampled: bool = option(True, "while recording, sample actions from the distribution; false: the most likely action")
    batch_size: int = option(256, "samples of an update", minimum=1, maximum=1_000_000)
    learning_rate: float = option(1e-3, "falls to a tenth over all epochs", minimum=1e-8, maximum=1.0)
    validation: float = option(0.1, "share of the samples that is only measured on", minimum=0.0, maximum=0.9)
    algo: str = option("ppo", "whose network the student has, for training it further", choices=ALGORITHMS)
    policy: str = option("", "the student's network, such as mlp or cnn; empty: the one that fits the observation")
    hyperparameters: str = option(
        "", "of the student's algorithm, in YAML: '{net_arch: [64, 64]}'; or hyperparameters.NAME:=VALUE"
    )
    observation: str = option("", "the student's observation; empty: its first teacher's")
    observation_settings: str = option("", "settings of that observation, in YAML; or observation.NAME:=VALUE")
    srl_model: str = option(
        "", "encoder that the student sees through: a name, latest or a path, as for train; empty: as its first teacher"
    )
    srl_folder: str = option("", "folder of that encoder; empty: the one in srl_models", path=True)
    srl_models: str = option(
        "",
        "table of the folders of encoders by robot and task; empty: this package's config/srl_models.yaml",
        path=True,
    )
    gaze_search: str = option(
        "",
        "posture in which the student's head and eyes search while it is recorded, as in rl_trainer train; empty: as its first "
        "teacher, with srl_model or observation no search",
    )
    frame_stack: int = option(
        0, "observations of successive steps that it sees at once; 0: as its first teacher", minimum=0, maximum=100
    )
    task_labels: tuple[str, ...] = option(
        (), "tasks that a label in the student's observation tells apart; [all]: those of the teachers; empty: no label"
    )
    transport: str = option(
        "in_process",
        "in_process: robots are simulated here; topics: those that are served in `namespaces`",
        choices=("in_process", "topics"),
    )
    namespaces: tuple[str, ...] = option(("env_0",), "robots to record on, over topics")
    num_envs: int = option(4, "robots to record on at the same time, in process", minimum=1, maximum=1000)
    eval_every_epochs: int = option(
        0, "epochs between two evaluations of the student on each task; 0: none", minimum=0, maximum=100_000
    )
    eval_episodes: int = option(20, "episodes of such an evaluation, for each task", minimum=1, maximum=1_000_000)
    checkpoint_interval_s: float = option(
        10.0, "time between two checkpoints; they are saved between epochs", minimum=0.0, maximum=86_400.0
    )
    keep_checkpoints: int = option(2, "periodic checkpoints that are kept", minimum=1, maximum=1_000_000)
    log_interval_s: float = option(5.0, "time between two progress lines", minimum=0.1, maximum=3600.0)
    torch_threads: int = option(1, "threads of the learner", minimum=1, maximum=256)
    seed: int = option(0, "seed of everything random", minimum=0, maximum=2**31 - 1)
    log_dir: str = option("runs", "where run folders are made", path=True)

    def __post_init__(self) -> None:
        for name in ("hyperparameters", "observation_settings", "gaze_search"):
            settings_of(name, getattr(self, name))
        if self.balance and len(self.balance) < len(self.names):  # a folder of data may hold several teachers
            raise ConfigError(
                f"balance has {len(self.balance)} shares for {len(self.names)} teachers; give one for each"
            )
        if self.balance and not sum(self.balance):
            raise ConfigError("balance has no share above 0; leave it out for equal shares")
        if self.srl_folder and not self.srl_model:
            object.__setattr__(self, "srl_model", factories.encoder_method(self.srl_folder))
        models = factories.srl_models()
        if self.srl_folder and self.srl_model not in models:
            raise ConfigError(unknown_name("srl_model", self.srl_model, models))
        if self.srl_folder and models[self.srl_model]:
            raise ConfigError(
                f"srl_model {self.srl_model} has no encoder, but srl_folder is {self.srl_folder}; leave one of the two out"
            )
        if self.srl_model not in ("", GROUND_TRUTH) and self.observation:
            raise ConfigError("srl_model and observation both set the student's observation; leave one of the two out")
        if self.output and self.student_rounds:
            raise ConfigError(
                "output records teachers without a student, so student_rounds has no effect; leave one out"
            )

    @property
    def names(self) -> tuple[str, ...]:
        """The teachers, one by one."""
        return tuple(listed_paths(self.teachers))

    def check_named(self) -> None:
        """Raise ConfigError where no teacher is named."""
        if not self.names:
            raise ConfigError(
                "teachers is empty; name trained runs or folders of teacher data: teachers:=runs/a,runs/b"
            )
