"""Settings of continual learning."""

from __future__ import annotations

from dataclasses import dataclass

from rl_trainer_ros.environments.env_config import settings_of
from robot_interface_ros.config import ConfigError, option
from robot_interface_ros.files.paths import listed_paths

DISTIL, FINETUNE, JOINT = "distil", "finetune", "joint"
METHODS = (DISTIL, FINETUNE, JOINT)


@dataclass(frozen=True)
class ContinualConfig:
    """Arguments of `rl_trainer continual`. Robots are simulated in process."""

    tasks: tuple[str, ...] = option((), "tasks to learn, in this order: [circular, square, escape]")
    method: str = option(
        DISTIL,
        "distil: a teacher for each task, then one student of all teachers so far; finetune: one policy, trained on one task "
        "after the other; joint: one policy, trained on all tasks at the same time",
        choices=METHODS,
    )
    teachers: str = option(
        "",
        "distil: trained runs or folders of teacher data, one for each task, with commas between them; empty: a teacher is "
        "trained for each task",
    )
    from_student: bool = option(False, "distil: a teacher begins with the student's weights; false: with new ones")
    num_timesteps: int = option(120_000, "environment steps of training for each task", minimum=1, maximum=10**12)
    set_size: int = option(20_000, "distil: samples that are recorded of each teacher", minimum=1, maximum=100_000_000)
    epochs: int = option(30, "distil: passes over all samples, for each student", minimum=1, maximum=100_000)
    temperature: float = option(1.0, "distil: of the teachers' distributions", minimum=1e-3, maximum=1e3)
    task_label: bool = option(True, "the policy sees which task is asked for")
    algo: str = option("ppo", "algorithm that trains", choices=("ppo", "a2c", "trpo", "sac"))
    hyperparameters: str = option("", "of that algorithm, in YAML; or hyperparameters.NAME:=VALUE")
    preset: str = option(
        "", "section of config/algorithms/<algo>.yaml that overrides its defaults, such as many_robots"
    )
    robot: str = option("inmoov", "robot that the package ships, or the path of a robot's .yaml file", path=True)
    action: str = option("", "action space of the policy; empty: the first task's own")
    observation: str = option("", "observation of the policy; empty: ground_truth")
    observation_settings: str = option("", "settings of that observation, in YAML; or observation.NAME:=VALUE")
    num_envs: int = option(4, "robots that are simulated at the same time", minimum=1, maximum=1000)
    eval_episodes: int = option(
        50, "episodes on each task, after each task that is learned", minimum=1, maximum=1_000_000
    )
    torch_threads: int = option(1, "threads of the learner", minimum=1, maximum=256)
    seed: int = option(0, "seed of everything random", minimum=0, maximum=2**31 - 1)
    folder: str = option(
        "",
        "folder of all files; the same command continues an interrupted one. Empty: "
        "<log_dir>/continual/<tasks>_<method>_seed<seed>",
        path=True,
    )
    log_dir: str = option("runs", "where that folder is made", path=True)

    def __post_init__(self) -> None:
        if self.tasks and (len(self.tasks) < 2 or len(set(self.tasks)) < len(self.tasks)):
            raise ConfigError("tasks needs two or more different tasks: tasks:='[circular, square, escape]'")
        for name in ("hyperparameters", "observation_settings"):
            settings_of(name, getattr(self, name))
        if self.from_student and self.method != DISTIL:
            raise ConfigError(f"from_student has no effect with method:={self.method}; leave it out")
        if self.teachers and (self.method != DISTIL or self.from_student):
            other = "from_student:=true" if self.from_student else f"method:={self.method}"
            raise ConfigError(f"teachers has no effect with {other}; leave one of the two out")
        if self.method == JOINT and self.observation == "raw_pixels":
            raise ConfigError("method:=joint cannot simulate several tasks with images; use distil or finetune")

    @property
    def names(self) -> tuple[str, ...]:
        """The teachers that are there already, one by one."""
        return tuple(listed_paths(self.teachers))

    @property
    def place(self) -> str:
        """The folder."""
        return self.folder or f"{self.log_dir}/continual/{'+'.join(self.tasks)}_{self.method}_seed{self.seed}"
