"""The settings of a recording."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rl_trainer_ros import factories
from rl_trainer_ros.environments.env_config import EnvConfig
from robot_interface_ros.config import ConfigError, option

RANDOM, DRIFT, SCRIPTED, MIXED, TRAINED = "random", "drift", "scripted", "mixed", "trained"


@dataclass(frozen=True)
class RecordConfig(EnvConfig):
    """Arguments of `rl_trainer record`. The settings of the environment are the same as for a training."""

    policy: str = option(
        MIXED,
        "policy that moves the robot. random: new actions at every step; drift: one random direction an episode, with noise; "
        "scripted: towards the target, with noise; mixed: scripted and drift in turn; trained: the policy of `run`",
        choices=(RANDOM, DRIFT, SCRIPTED, MIXED, TRAINED),
    )
    run: str = option(
        "", "run folder whose policy and environment are recorded, or latest; policy is then trained", path=True
    )
    model: str = option("final", "model of the run", choices=("final", "best", "latest"))
    deterministic: bool = option(False, "a trained policy takes its best action; false: it samples, as in training")
    noise: float = option(
        0.4,
        "of drift and scripted: standard deviation of the noise on actions; discrete: share of random ones",
        minimum=0.0,
        maximum=10.0,
    )
    episodes: int = option(100, "episodes to record; 0: until Ctrl-C", minimum=0, maximum=10_000_000)
    steps: int = option(
        0, "end after the episode with which so many steps are reached; 0: no limit", minimum=0, maximum=10**9
    )
    seed: int = option(0, "seed of episodes and actions", minimum=0, maximum=2**31 - 1)
    cameras: tuple[str, ...] = option(("external",), "cameras to record; []: none. Over topics: those that are served")
    image_width: int = option(64, "width of an image, pixels, in process", minimum=8, maximum=4096)
    image_height: int = option(64, "height of an image, pixels, in process", minimum=8, maximum=4096)
    contact: bool = option(True, "measure and record the force on the end effector, in process")
    num_envs: int = option(
        1, "robots at once, /env_0, /env_1, ...; in process each in a process of its own", minimum=1, maximum=256
    )
    transport: str = option(
        "in_process",
        "in_process: simulated here; topics: robots that are served already",
        choices=("in_process", "topics"),
    )
    namespaces: tuple[str, ...] = option((), "over topics: the robots' namespaces; empty: env_0, env_1, ...")
    keep_last_s: float = option(
        0.0,
        "ring buffer: write only the last so many seconds, at Ctrl-C, at SIGUSR1 and when an episode is interrupted; 0: "
        "write everything",
        minimum=0.0,
        maximum=86_400.0,
    )
    srl_model: str = option(
        "", "encoder whose states are recorded: a name, latest or a path, as for train; empty: none, or that of `run`"
    )
    srl_models: str = option(
        "",
        "table of the folders of encoders by robot and task; empty: this package's config/srl_models.yaml",
        path=True,
    )
    bag: str = option("", "folder of the new bag; empty: <bag_dir>/<date>_<task>_seed<seed>", path=True)
    bag_dir: str = option("bags", "folder for new bags", path=True)
    log_dir: str = option("runs", "folder in which run:=latest is searched", path=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._find_encoder()
        if self.policy == TRAINED and not self.run:
            raise ConfigError("policy:=trained needs the run whose policy it is: run:=latest, or a run folder")
        if self.keep_last_s and self.num_envs > 1 and self.transport == "in_process":
            raise ConfigError("keep_last_s goes with one robot in process, or with robots over topics")
        if self.realtime and self.transport != "topics":
            raise ConfigError("realtime:=true is for robots over topics; add transport:=topics")
        if self.namespaces and self.transport != "topics":
            raise ConfigError("namespaces are those of robots over topics; add transport:=topics, or use num_envs")

    def _find_encoder(self) -> None:
        """Set `srl_folder` to the folder of the encoder that `srl_model` names. Raises ConfigError."""
        if not self.srl_model:
            return
        if self.srl_folder:
            raise ConfigError("srl_model and srl_folder both name the encoder; leave one of the two out")
        if observation := factories.srl_models().get(self.srl_model):
            raise ConfigError(f"srl_model {self.srl_model} has no encoder; use observation:={observation}")
        seeker = {"log_dir": self.log_dir, "robot": self.robot, "task": self.task, "table": self.srl_models}
        object.__setattr__(self, "srl_folder", factories.find_encoder(self.srl_model, **seeker)[1])
        object.__setattr__(self, "srl_model", "")  # it has been found

    @property
    def robots(self) -> tuple[str, ...]:
        """The namespace of each robot."""
        return self.namespaces or tuple(f"/env_{i}" for i in range(self.num_envs))

    def images(self, needed: Mapping[str, Any]) -> dict[str, Any]:
        """Return the cameras and the image size of a simulator; none without cameras.

        `needed`: settings of a simulator for the policy's observation. Its image size counts unless another one was given.
        """
        cameras = tuple(dict.fromkeys((*self.cameras, *needed.get("cameras", ()))))
        if not cameras:
            return {}
        sizes = {}
        for name in ("image_width", "image_height"):
            given, default = getattr(self, name), getattr(RecordConfig, name)
            sizes[name] = needed.get(name, default) if given == default else given
        return {"cameras": cameras, **sizes}

    def environment(self) -> EnvConfig:
        """Return the settings of the environment alone."""
        return EnvConfig(**{field.name: getattr(self, field.name) for field in dataclasses.fields(EnvConfig)})


def changed(config: EnvConfig) -> dict[str, Any]:
    """Return the settings of an environment that are not at their default, as JSON takes them."""
    return {
        field.name: getattr(config, field.name)
        for field in dataclasses.fields(EnvConfig)
        if getattr(config, field.name) != field.default
    }
