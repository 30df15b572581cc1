"""Two buttons: press one, then the other."""

from __future__ import annotations

from dataclasses import dataclass

from rl_trainer_ros.arm.arm import StepState
from rl_trainer_ros.tasks.button import Button, ButtonSettings, signal
from rl_trainer_ros.tasks.task import Target
from robot_interface_ros.config import option

SPACING_M = 0.16  # between the two, as in config/worlds/


@dataclass(frozen=True)
class TwoButtonsSettings(ButtonSettings):
    """Settings of the button tasks; contacts are presses here."""

    max_episode_steps: int = option(300, "steps after which an episode is truncated", minimum=1, maximum=10_000_000)
    contacts: int = option(2, "presses in the right order that make a success", minimum=1, maximum=1_000_000)


class TwoButtons(Button):
    """
    | what | when or how much |
    |---|---|
    | target | the top of the button whose turn it is; the first one's is drawn as in button, the other stands beside it |
    | reward `sparse` | -1 too far from it or on the table, as in button; +1 in the step in which it was pressed; else 0 |
    | reward `shaped` | 50 at success; -250 too far away or on the table; else minus the distance to that button, m |
    | reward `progress` | as `sparse`, and `progress_scale` x metres gained on it in the step |
    | success (`is_success`) | `contacts` (2) presses in the right order: the first button, then the second |
    | terminated | at success, or when the robot touches the table |
    | truncated | by the clock: 300 steps (15 s at 20 Hz) |
    | `info` | as in button; `contacts` are presses in the right order so far |

    A button that is pressed out of turn counts for nothing.
    """

    Settings = TwoButtonsSettings
    summary = "press two buttons in order"
    world = "two_buttons"
    target_moves = True
    signals = ("presses", "table_contact")
    memory = ("presses in order so far, as a share of those that make a success",)

    def middle_of(self, table: Target) -> Target:
        """See Button: the two stand to either side of the table's middle."""
        x, y, z = table
        return x, y - SPACING_M / 2, z

    def start(self, step_state: StepState) -> None:
        """See Task."""
        super().start(step_state)
        self._presses = 0.0

    def pressed(self, step_state: StepState) -> bool:
        """Whether the button whose turn it was has been pressed since the last step."""
        presses = signal(step_state, "presses")
        more, self._presses = presses > self._presses, presses
        return more
