"""Button, moving button, distractors: press a button on a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from rl_trainer_ros.arm.arm import Arm, StepState
from rl_trainer_ros.tasks.task import Outcome, Target, Task, TaskSettings
from robot_interface_ros.config import ConfigError, option
from robot_interface_ros.errors import RobotError

TOP_M = 0.08  # height of a button's top above the table, as in config/worlds/
TOO_FAR_OR_TABLE, CONTACT = -1.0, 1.0
SHAPED_SUCCESS, SHAPED_FAILURE = 50.0, -250.0


def button_reward(
    distance_m: float, pressed: bool, table: bool, contacts: int, shaped: bool, most_m: float, enough: int
) -> tuple[float, bool, bool]:
    """Return the reward, whether it is a success, and whether the episode ends.

    `contacts`: steps with the button pressed so far, this one included; `most_m`: largest allowed distance; `enough`:
    number of contacts for a success.
    """
    success, failure = contacts >= enough, table or distance_m > most_m
    if shaped:
        reward = SHAPED_SUCCESS if success else SHAPED_FAILURE if failure else -distance_m
    else:
        reward = TOO_FAR_OR_TABLE if failure else CONTACT if pressed else 0.0
    return reward, success, success or table


@dataclass(frozen=True)
class ButtonSettings(TaskSettings):
    """Settings of the button tasks."""

    max_episode_steps: int = option(200, "steps after which an episode is truncated", minimum=1, maximum=10_000_000)
    target: str = option(
        "random",
        "random: the button is at a sampled position in each episode; fixed: always in the table's middle",
        choices=("random", "fixed"),
    )
    spread_m: float = option(
        0.06, "largest distance of a sampled button from the middle, along x and y, m", minimum=0.0, maximum=1.0
    )
    reward: str = option(
        "sparse",
        "sparse: +1 while pressed, -1 too far away or table touched; shaped: minus distance (m), +50 success, -250 failure; "
        "progress: sparse plus progress_scale per metre gained on the button",
        choices=("sparse", "shaped", "progress"),
    )
    progress_scale: float = option(10.0, "reward per metre gained, for reward progress", minimum=0.0, maximum=1e6)
    contacts: int = option(5, "number of steps with the button pressed for a success", minimum=1, maximum=1_000_000)
    max_distance_m: float | None = option(
        None, "largest distance between hand and button, m; empty: the arm's length", minimum=0.01, maximum=100.0
    )


class Button(Task):
    """
    | item | definition |
    |---|---|
    | start | in the posture `table`, the hand above the table |
    | target | the button's top; `random`: sampled per episode within `spread_m` of the table's middle; `fixed`: the middle |
    | reward `sparse` | -1 if the hand is further away than `max_distance_m`, or the robot touches the table |
    | | otherwise +1 while the button is pressed, else 0 |
    | reward `shaped` | 50 at success; -250 too far away or table touched; otherwise minus the distance, m |
    | reward `progress` | as `sparse`, plus `progress_scale` x metres gained on the button in the step |
    | success (`is_success`) | the button was pressed in `contacts` (5) steps of the episode |
    | terminated | at success, or when the robot touches the table |
    | truncated | after 200 steps (10 s at 20 Hz) |
    | `info` | `distance` (m), `is_success`, `contacts` (steps pressed so far), `table_contact` (bool) |
    """

    Settings: ClassVar[type[ButtonSettings]] = ButtonSettings
    summary = "press a button on a table"
    world = "button"
    needs = ("table", "postures.table")
    posture = "table"
    signals = ("button_0", "table_contact")
    memory = ("contacts so far, divided by the number for a success",)

    def __init__(self, arm: Arm, period_s: float, settings: ButtonSettings):
        super().__init__(arm, period_s, settings)
        self._settings = settings
        table = arm.description.config.table
        if table is None:
            raise ConfigError(
                f"robot {arm.description.name} has no table for the buttons; add one to its file, such as "
                "table: [0.32, -0.3, 0.92]"
            )
        self._middle = self.middle_of(table)
        self._most_m = settings.max_distance_m or arm.length
        self._contacts = 0

    def draw_target(self, generator: np.random.Generator) -> Target:
        """See Task."""
        x, y, z = self._middle
        if self._settings.target == "random":
            dx, dy = generator.uniform(-self._settings.spread_m, self._settings.spread_m, 2).tolist()
            x, y = x + dx, y + dy
        return x, y, z + TOP_M

    def middle_of(self, table: Target) -> Target:
        """Return the middle position of the first button, m, root frame; `table`: middle of the table's top."""
        return table

    def start(self, step_state: StepState) -> None:
        """See Task."""
        self._contacts = 0

    def remembered(self) -> tuple[float, ...]:
        """See Task."""
        return (self._contacts / self._settings.contacts,)

    def step(self, before: StepState, after: StepState) -> Outcome:
        """See Task."""
        distance, table = after.distance, signal(after, "table_contact") > 0.0
        pressed = self.pressed(after)
        self._contacts += pressed
        reward, success, ended = button_reward(
            distance,
            pressed,
            table,
            self._contacts,
            self._settings.reward == "shaped",
            self._most_m,
            self._settings.contacts,
        )
        if self._settings.reward == "progress":
            # Both distances are to the present target: a change of button, or a moving button, must not count as a loss.
            was = float(np.linalg.norm(after.observation.target_position - before.hand))
            reward += self._settings.progress_scale * (was - distance)
        info = {"distance": distance, "is_success": success, "contacts": self._contacts, "table_contact": table}
        return Outcome(reward, ended, info)

    def pressed(self, step_state: StepState) -> bool:
        """Return whether the button counts as pressed in this step."""
        return signal(step_state, "button_0") > 0.0


def signal(step_state: StepState, name: str) -> float:
    """Return one of the world's signals. Raises RobotError, in one line, if the robot's world does not have it."""
    signals = step_state.observation.signals
    if name not in signals:
        raise RobotError(
            f"the robot's observation has no signal '{name}' (it has: {', '.join(signals) or 'none'}); does its world have "
            "a button? Start the simulator with the world of the task"
        )
    return signals[name]


class MovingButton(Button):
    """
    | item | definition |
    |---|---|
    | target | the button's top, which moves back and forth along y, 1 mm per period; its start is sampled as in button |
    | reward, success, terminated, truncated, `info` | as in button |
    """

    summary = "press a button that moves back and forth"
    world = "moving_button"
    target_moves = True


class Distractors(Button):
    """
    | item | definition |
    |---|---|
    | target | the button's top, sampled as in button; boxes, balls and cylinders lie around it and can be pushed |
    | reward, success, terminated, truncated, `info` | as in button |
    """

    summary = "press a button among loose objects"
    world = "distractors"
