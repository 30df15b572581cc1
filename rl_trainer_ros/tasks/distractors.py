"""Distractors: press a button among loose objects."""

from __future__ import annotations

from rl_trainer_ros.tasks.button import Button


class Distractors(Button):
    """
    | item | definition |
    |---|---|
    | target | the button's top, sampled as in button; boxes, balls and cylinders lie around it and can be pushed |
    | reward, success, terminated, truncated, `info` | as in button |
    """

    summary = "press a button among loose objects"
    world = "distractors"
