"""Settings of a training run; the trainer node's parameters are these."""

from __future__ import annotations

from dataclasses import dataclass

from robot_interface_ros.config import check_namespaces, option
from robot_interface_ros.lockstep import period_of

GROUND_TRUTH = "ground_truth"
CAMERA = "external"  # the one whose images are encoded
SRL_MODELS = (GROUND_TRUTH, "autoencoder", "supervised", "random")


@dataclass(frozen=True)
class TrainerConfig:
    """Checked when made; defaults for users lie in `config/trainer.yaml`."""

    task: str = option("reach", "what to learn")
    robot: str = option("inmoov", "robot that the package ships, or the path of a robot's .yaml file")
    srl_model: str = option(GROUND_TRUTH, "what tells the policy where the target is", choices=SRL_MODELS)
    srl_folder: str = option("", "folder of the trained encoder; empty: <log_dir>/srl/<srl_model>")
    algo: str = option("ppo", "learning algorithm")
    transport: str = option(
        "topics",
        "topics: robots behind ROS 2; in_process: simulate in the trainer itself",
        choices=("topics", "in_process"),
    )
    namespaces: tuple[str, ...] = option(("/env_0",), "robots to train on, one per namespace")
    control_hz: float = option(20.0, "commands per second; the robot's own", minimum=1.0, maximum=1000.0)
    imperfection: str = option(
        "",
        "what is imperfect about simulated robots: a name in config/imperfections/, such as mild, or the path of a .yaml file; "
        "none: nothing; empty: over topics as in sim_params_file, else nothing",
    )
    num_timesteps: int = option(150_000, "environment steps to train for", minimum=1, maximum=10**12)
    seed: int = option(0, "seed of everything random", minimum=0, maximum=2**31 - 1)
    log_dir: str = option("runs", "where run folders are made")
    log_interval_s: float = option(10.0, "time between two log lines", minimum=0.1, maximum=3600.0)
    best_window: int = option(100, "episodes whose mean return decides which model is best", minimum=1, maximum=100_000)
    checkpoint_interval_s: float = option(
        60.0, "time between two saves of the latest model", minimum=0.0, maximum=86_400.0
    )
    torch_threads: int = option(
        1, "threads of the learner; the same seed repeats bit for bit for the same number", minimum=1, maximum=256
    )
    start_timeout_s: float = option(60.0, "wait for a robot to appear and for a reset", minimum=0.1, maximum=3600.0)
    answer_timeout_s: float = option(
        30.0, "wait for the answer to a command; covers a simulator's restart", minimum=0.1, maximum=3600.0
    )

    def __post_init__(self) -> None:
        period_of(self.control_hz)
        check_namespaces(self.namespaces)

    @property
    def encoder_folder(self) -> str:
        """Folder of the encoder, empty where none is used."""
        if self.srl_model == GROUND_TRUTH:
            return ""
        return self.srl_folder or f"{self.log_dir}/srl/{self.srl_model}"
