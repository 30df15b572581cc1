"""Eight: move along a figure of eight."""

from __future__ import annotations

from dataclasses import dataclass

from rl_trainer_ros.arm.arm import Arm
from rl_trainer_ros.tasks.plane import RADIUS, CurveTask, PlaneTaskSettings
from robot_interface_ros.config import option
from robot_interface_ros.robot import Array


def eight_error(x: float, y: float) -> float:
    """Return (x^2 + y^2)^2 - 2 r^2 (x^2 - y^2): 0 on Bernoulli's lemniscate."""
    return (x * x + y * y) ** 2 - 2.0 * RADIUS**2 * (x * x - y * y)


def legacy_eight_error(x: float, y: float) -> float:
    """Return the same without the square, as in the code around the S-RL Toolbox: a pair of hyperbolas, not an eight."""
    return (x * x + y * y) - 2.0 * RADIUS**2 * (x * x - y * y)


@dataclass(frozen=True)
class EightSettings(PlaneTaskSettings):
    """Settings of eight."""

    legacy: bool = option(False, "the formula of the code around the S-RL Toolbox, whose curve is not an eight")


class Eight(CurveTask):
    """
    | item | definition |
    |---|---|
    | reward | as in circular, with e = (x^2 + y^2)^2 - 2 0.6125^2 (x^2 - y^2): 0 on a lemniscate that lies along x |
    | reward, `legacy` | with e = (x^2 + y^2) - 2 0.6125^2 (x^2 - y^2), for comparison with old results |
    | good step | abs(e) < 0.1, m > 0.15, inside the arena |
    | success (`is_success`) | 100 good steps in the episode, and one turn about the middle of one of the two loops |
    | everything else | as in circular |

    The formula hardly requires an eight: its error is small along x and near the crossing. Moving back and forth there, or in
    a small circle, gives almost the same return, within a few percent. PPO learns this, and it does not count as success. The
    formula does not require both loops either. The two ends of the lemniscate lie 0.016 beyond the arena's edge (2.6 mm for
    InMoov).
    """

    Settings = EightSettings
    summary = "in the arena: move along a figure of eight"
    TOLERANCE = 0.1
    INSIDE = ((RADIUS, 0.0), (-RADIUS, 0.0))

    def __init__(self, arm: Arm, period_s: float, settings: EightSettings):
        super().__init__(arm, period_s, settings)
        self._formula = legacy_eight_error if settings.legacy else eight_error

    def error(self, hand: Array) -> float:
        """See CurveTask."""
        return self._formula(*hand.tolist())
