"""Moving button: press a button that moves back and forth."""

from __future__ import annotations

from rl_trainer_ros.tasks.button import Button


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
