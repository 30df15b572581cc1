"""Moving button: press a button that goes to and fro."""

from __future__ import annotations

from rl_trainer_ros.tasks.button import Button


class MovingButton(Button):
    """
    | what | when or how much |
    |---|---|
    | target | the button's top, which goes to and fro along y, 1 mm a control period; where it starts is drawn as in button |
    | reward, success, end, clock, `info` | as in button |
    """

    summary = "press a button that goes to and fro"
    world = "moving_button"
    target_moves = True
