"""The settings of an environment, in one place: for training, `gymnasium.make`, evaluation, recording and benchmarks.

A new setting is a field here. `TrainerConfig` inherits it, so it is also a launch argument, a parameter of the trainer node
and an entry of a run's `config.yaml`. This module does not import Gymnasium: bring-up reads these settings without it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from robot_interface_ros.config import ConfigError, option
from robot_interface_ros.files.checked_values import shown
from robot_interface_ros.files.untrusted_files import parse_yaml
from robot_interface_ros.lockstep import period_of

GROUND_TRUTH, JOINTS, RAW_PIXELS, SRL_STATE = "ground_truth", "joints", "raw_pixels", "srl_state"
"""Names of observations that defaults or cameras depend on; `rl_trainer_ros.observations` lists all."""
GAZES = ("target", "hand", "estimate", "action", "none")
"""Values of `gaze`."""
TOOLBOX_TASKS = {"sc": "simple", "cc": "circular", "sqc": "square", "ec": "eight", "chc": "chasing", "esc": "escape"}
"""The S-RL Toolbox's short names of tasks."""
SettingsOfPart = str | Mapping[str, Any]
"""Settings of a task, an action or an observation: a mapping in Python, its YAML text in files and on command lines."""


def settings_of(name: str, settings: SettingsOfPart) -> dict[str, Any]:
    """Return settings such as `{contacts: 3}` as a dictionary. Raises ConfigError with `name` if they are not a mapping."""
    read = parse_yaml(settings, name) if isinstance(settings, str) and settings else settings or {}
    if not isinstance(read, Mapping) or not all(isinstance(key, str) for key in read):
        raise ConfigError(f"{name} is {shown(settings)}; expected a mapping of settings, such as {{name: value}}")
    return dict(read)


def _simulated(default: Any, description: str, **checks: Any) -> Any:
    """Return a setting that the simulation has under the same name. The simulation gets it if it is not the default.

    `checks`: see `option`.
    """
    metadata = option(default, description, **checks).metadata
    return dataclasses.field(default=default, metadata={**metadata, "simulated": True})


@dataclass(frozen=True)
class EnvConfig:
    """Settings of an environment. `make_env.Connection` describes the robot and the transport.

    `from_mapping` checks types and ranges. Raises ConfigError, in one line, for settings that contradict each other.
    """

    task: str = option("reach", "task to learn")
    task_settings: SettingsOfPart = option(
        "", "settings of the task, in YAML: '{success_distance_m: 0.05}'; or task.NAME:=VALUE"
    )
    robot: str = option("inmoov", "robot that the package ships, or the path of a robot's .yaml file", path=True)
    joint_group: str = option("", "group of joints that the policy moves, or all; empty: the joints that move the hand")
    action: str = option("", "action space of the policy; empty: the default of the task, such as joint_velocity")
    action_settings: SettingsOfPart = option(
        "", "settings of the action, in YAML: '{speed_m_s: 0.1}'; or action.NAME:=VALUE"
    )
    action_repeat: int = option(
        1, "number of control periods per action; their rewards are added", minimum=1, maximum=1000
    )
    action_noise: float = option(
        0.0,
        "standard deviation of the noise on motions; 1 is the largest motion of a period",
        minimum=0.0,
        maximum=10.0,
    )
    observation: str = option(
        "", "observation space of the policy; empty: srl_state if srl_model names an encoder, else ground_truth"
    )
    observation_settings: SettingsOfPart = option(
        "", "settings of the observation, in YAML: '{cameras: [left_eye, right_eye]}'; or observation.NAME:=VALUE"
    )
    frame_stack: int = option(
        1, "number of successive observations that the policy sees together", minimum=1, maximum=100
    )
    random_start: int = option(0, "number of random actions at the start of an episode", minimum=0, maximum=1000)
    gaze: str = option(
        "",
        "point at which the eyes look, where head and eyes turn: target; hand; estimate: that of observation.estimate; action: "
        "the policy turns them; none; empty: that of the encoder's images, otherwise none",
        choices=("", *GAZES),
    )
    gaze_search: SettingsOfPart = option(
        "",
        "posture in which head and eyes search while the estimate of gaze:=estimate is uncertain, joint: rad, in YAML: "
        "'{head_pan_joint: -1.7}'; empty: they do not search",
    )
    goal_conditioned: bool = option(
        False, "observe the positions of hand and target as goals, for hindsight experience replay"
    )
    task_memory: bool = option(
        False, "append the task's memory to the observation; rl_trainer list what:=tasks describes it"
    )
    task_labels: tuple[str, ...] = option(
        (), "tasks that a one-hot label in the observation tells apart, such as [circular, square]; empty: no label"
    )
    srl_folder: str = option(
        "", "folder of a trained encoder; its state replaces the target's position in the observation", path=True
    )
    control_hz: float = option(
        20.0, "commands per second; must be the robot's control rate", minimum=1.0, maximum=1000.0
    )
    realtime: bool = option(
        False, "robots run at their own rate, as physical ones do; false: lockstep, as fast as possible"
    )
    max_observation_age_s: float = option(
        0.25, "in real time: an older observation truncates the episode", minimum=0.001, maximum=60.0
    )
    max_skew_s: float = option(
        0.2,
        "in real time: if the parts of an observation are further apart, the episode is truncated",
        minimum=0.0,
        maximum=60.0,
    )
    imperfection: str = _simulated(
        "",
        "imperfections of simulated robots: a name in config/imperfections/, such as mild, or the path of a .yaml file; "
        "none: no imperfection; empty: over topics that of sim_params_file, else none",
        path=True,
    )
    world: str = _simulated(
        "",
        "world around a simulated robot: a name (rl_trainer list what:=worlds) or the path of a .yaml file; "
        "empty: the world of the task",
        path=True,
    )

    def __post_init__(self) -> None:
        period_of(self.control_hz)
        for part in ("task", "action", "observation"):
            self.settings(part)
        settings_of("gaze_search", self.gaze_search)
        if len(set(self.task_labels)) < len(self.task_labels):
            raise ConfigError(f"task_labels is {shown(list(self.task_labels))}; name each task once")
        if self.goal_conditioned and self.frame_stack > 1:
            raise ConfigError("frame_stack does not work with goal_conditioned; leave one of the two out")

    def settings(self, part: str) -> dict[str, Any]:
        """Return the settings of `part`: "task", "action" or "observation"."""
        return settings_of(f"{part}_settings", getattr(self, f"{part}_settings"))

    @property
    def encoder_folder(self) -> str:
        """Folder of the encoder; empty if none is used."""
        return self.srl_folder

    @property
    def observed(self) -> str:
        """Name of the observation; the default is srl_state with an encoder, joints with goals, else ground_truth."""
        if self.observation:
            return self.observation
        return SRL_STATE if self.encoder_folder else JOINTS if self.goal_conditioned else GROUND_TRUTH


SIMULATED = tuple(field.name for field in dataclasses.fields(EnvConfig) if field.metadata.get("simulated"))
"""Names of the settings that the simulation has too, under the same names."""


def given_to_simulation(config: EnvConfig) -> dict[str, Any]:
    """Return the settings for the simulation that differ from their defaults."""
    defaults = {field.name: field.default for field in dataclasses.fields(EnvConfig)}
    return {name: getattr(config, name) for name in SIMULATED if getattr(config, name) != defaults[name]}
