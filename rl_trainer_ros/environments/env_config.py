"""The settings of an environment, in one place: for training, `gymnasium.make`, evaluation, recording and benchmarks.

A new setting is a field here. `TrainerConfig` inherits it, so it is also a launch argument, a parameter of the trainer node
and an entry of a run's `config.yaml`. No Gymnasium here: bring-up reads these settings and may not have it.
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
"""The observations that a default or a camera depends on; `rl_trainer_ros.observations` has them all."""
CAMERA = "external"
"""The camera whose images are encoded."""

SettingsOfPart = str | Mapping[str, Any]
"""Settings of a task, an action or an observation: a mapping in Python, its YAML text in files and on command lines."""


def settings_of(name: str, settings: SettingsOfPart) -> dict[str, Any]:
    """Return settings such as `{contacts: 3}` as a dictionary. Raises ConfigError that names `name` if they are no mapping."""
    read = parse_yaml(settings, name) if isinstance(settings, str) and settings else settings or {}
    if not isinstance(read, Mapping) or not all(isinstance(key, str) for key in read):
        raise ConfigError(f"{name} is {shown(settings)}; expected a mapping of settings, such as {{name: value}}")
    return dict(read)


def _simulated(default: Any, description: str, **checks: Any) -> Any:
    """A setting that the simulation has under the same name. The simulation is told it where it is not at its default.

    `checks`: see `option`.
    """
    metadata = option(default, description, **checks).metadata
    return dataclasses.field(default=default, metadata={**metadata, "simulated": True})


@dataclass(frozen=True)
class EnvConfig:
    """What an environment is. `make_env.Connection` says which robot it is played on.

    `from_mapping` checks types and ranges; ConfigError, one line, for values that do not go together.
    """

    task: str = option("reach", "what to learn")
    task_settings: SettingsOfPart = option(
        "", "settings of the task, in YAML: '{success_distance_m: 0.05}'; or task.NAME:=VALUE"
    )
    robot: str = option("inmoov", "robot that the package ships, or the path of a robot's .yaml file", path=True)
    joint_group: str = option("", "group of the robot's joints that moves, or all; empty: those that move its hand")
    action: str = option("", "what the policy's numbers do; empty: the task's own, such as joint_velocity")
    action_settings: SettingsOfPart = option(
        "", "settings of the action, in YAML: '{speed_m_s: 0.1}'; or action.NAME:=VALUE"
    )
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
    observation_settings: SettingsOfPart = option(
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
    srl_folder: str = option(
        "", "folder of a trained encoder, whose state replaces the target's place in the observation", path=True
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
    imperfection: str = _simulated(
        "",
        "what is imperfect about simulated robots: a name in config/imperfections/, such as mild, or the path of a .yaml file; "
        "none: nothing; empty: over topics as in sim_params_file, else nothing",
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
        if self.goal_conditioned and self.frame_stack > 1:
            raise ConfigError("frame_stack does not go with goal_conditioned; leave one of the two out")

    def settings(self, part: str) -> dict[str, Any]:
        """Return the settings of a part, which is task, action or observation."""
        return settings_of(f"{part}_settings", getattr(self, f"{part}_settings"))

    @property
    def encoder_folder(self) -> str:
        """Folder of the encoder, empty where none is used."""
        return self.srl_folder

    @property
    def observed(self) -> str:
        """The observation's name; the default is srl_state with an encoder, joints beside goals, else ground_truth."""
        if self.observation:
            return self.observation
        return SRL_STATE if self.encoder_folder else JOINTS if self.goal_conditioned else GROUND_TRUTH


SIMULATED = tuple(field.name for field in dataclasses.fields(EnvConfig) if field.metadata.get("simulated"))
"""Settings of the simulation, under the same name there."""


def given_to_simulation(config: EnvConfig) -> dict[str, Any]:
    """Return the settings of the simulation that are not at their default."""
    defaults = {field.name: field.default for field in dataclasses.fields(EnvConfig)}
    return {name: getattr(config, name) for name in SIMULATED if getattr(config, name) != defaults[name]}
