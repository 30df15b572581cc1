"""Distractors: press a button among things that lie around."""

from __future__ import annotations

from rl_trainer_ros.tasks.button import Button


class Distractors(Button):
    """
    | what | when or how much |
    |---|---|
    | target | the button's top, drawn as in button; boxes, balls and cylinders lie around it and can be kicked |
    | reward, success, end, clock, `info` | as in button |
    """

    summary = "press a button among things that lie around"
    world = "distractors"
