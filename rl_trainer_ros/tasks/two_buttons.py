"""Two buttons: press the first one, then the second one."""

from __future__ import annotations

from dataclasses import dataclass

from rl_trainer_ros.arm.arm import StepState
from rl_trainer_ros.tasks.button import Button, ButtonSettings, signal
from rl_trainer_ros.tasks.task import Target
from robot_interface_ros.config import option

SPACING_M = 0.16  # between the two buttons, as in config/worlds/


@dataclass(frozen=True)
class TwoButtonsSettings(ButtonSettings):
    """Settings of the button tasks; here contacts counts presses."""

    max_episode_steps: int = option(300, "steps after which an episode is truncated", minimum=1, maximum=10_000_000)
    contacts: int = option(2, "number of presses in the right order for a success", minimum=1, maximum=1_000_000)


class TwoButtons(Button):
    """
    | item | definition |
    |---|---|
    | target | the top of the button to press next; the first one is sampled as in button, the other is next to it |
    | reward `sparse` | -1 too far from it or table touched, as in button; +1 in the step in which it is pressed; else 0 |
    | reward `shaped` | 50 at success; -250 too far away or table touched; otherwise minus the distance to that button, m |
    | reward `progress` | as `sparse`, plus `progress_scale` x metres gained on it in the step |
    | success (`is_success`) | `contacts` (2) presses in the right order: the first button, then the second |
    | terminated | at success, or when the robot touches the table |
    | truncated | after 300 steps (15 s at 20 Hz) |
    | `info` | as in button; `contacts` are presses in the right order so far |

    A press in the wrong order has no effect.
    """

    Settings = TwoButtonsSettings
    summary = "press two buttons in order"
    world = "two_buttons"
    target_moves = True
    signals = ("presses", "table_contact")
    memory = ("presses in the right order so far, divided by the number for a success",)

    def middle_of(self, table: Target) -> Target:
        """See Button. The two buttons are on either side of the table's middle."""
        x, y, z = table
        return x, y - SPACING_M / 2, z

    def start(self, step_state: StepState) -> None:
        """See Task."""
        super().start(step_state)
        self._presses = 0.0

    def pressed(self, step_state: StepState) -> bool:
        """Return whether the right button has been pressed since the last step."""
        presses = signal(step_state, "presses")
        more, self._presses = presses > self._presses, presses
        return more


class TwoButtonsDistractors(TwoButtons):
    """
    | item | definition |
    |---|---|
    | target | as in two_buttons; boxes, balls and cylinders slide about the table by themselves and can be pushed |
    | reward, success, terminated, truncated, `info` | as in two_buttons |
    """

    summary = "press two buttons in order among objects that move by themselves"
    world = "two_buttons_distractors"
