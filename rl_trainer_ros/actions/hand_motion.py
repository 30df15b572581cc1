"""Compute the joints' step for a displacement of the hand: damped least squares, within limits, near the rest posture.

Sources: damped least squares as in `robot_interface_ros/urdf/kinematics.py`; the null-space term is that of Liegeois,
"Automatic Supervisory Control of the Configuration and Behavior of Multibody Mechanisms", IEEE Trans. SMC 7(12), 1977.
"""

from __future__ import annotations

import numpy as np

from rl_trainer_ros.arm.arm import Arm
from robot_interface_ros.robot import Array

DAMPING = 0.02
"""m/rad; small compared with the .1 to .6 m levers of an arm. Near singular postures the hand lags behind its command."""
POSTURE_GAIN = 0.02
"""Share of the way to the rest posture in one step, for joint motions that do not move the hand."""
AT_LIMIT = 1e-9


class HandMotion:
    """Moves the hand along a straight line as fast as the joints allow."""

    def __init__(self, arm: Arm, period_s: float):
        self._chain, self._lower, self._upper, self._rest = arm.chain, arm.lower, arm.upper, arm.rest
        self._max_step = arm.velocity * period_s

    def step(self, q: Array, displacement: Array) -> Array:
        """Return the chain's next joint targets `(n,)` rad; `q`: the executed ones; `displacement`: of the hand, `(3,)` m.

        No joint exceeds its limits or its top speed. If a joint is too slow, all are slowed down by the same factor, so that
        the direction is kept. A joint at a limit that would exceed it is left out, and the others compensate. The motion
        towards the rest posture uses only joint motions that do not move the hand.
        """
        chain = self._chain
        jacobian = chain.jacobian(q)[:3]
        inverse, step = self._free_step(jacobian, q, displacement)
        fastest = float(np.max(np.abs(step) / self._max_step))
        share = 1.0 / fastest if fastest > 1.0 else 1.0
        way = POSTURE_GAIN * (self._rest - q)
        q1 = self._within(q, q + share * step + way - inverse @ (jacobian @ way))
        missed = chain.position(q) + share * displacement - chain.position(q1)  # error of linearisation and damping
        return self._within(q, q1 + inverse @ missed)

    def _free_step(self, jacobian: Array, q: Array, displacement: Array) -> tuple[Array, Array]:
        """Return the damped inverse `(n, 3)`, 0 for joints that are stuck at a limit, and the joints' step for the hand."""
        inverse = _damped_inverse(jacobian)
        step = inverse @ displacement
        for _ in range(len(q)):
            stuck = ((q <= self._lower + AT_LIMIT) & (step < 0.0)) | ((q >= self._upper - AT_LIMIT) & (step > 0.0))
            if not stuck.any():
                break
            jacobian = jacobian.copy()
            jacobian[:, np.argmax(np.where(stuck, np.abs(step), 0.0))] = 0.0
            inverse = _damped_inverse(jacobian)
            step = inverse @ displacement
        return inverse, step

    def _within(self, q: Array, wanted: Array) -> Array:
        step = np.minimum(np.maximum(wanted - q, -self._max_step), self._max_step)
        return np.minimum(np.maximum(q + step, self._lower), self._upper)


def _damped_inverse(jacobian: Array) -> Array:
    gram = jacobian @ jacobian.T
    gram[(0, 1, 2), (0, 1, 2)] += DAMPING * DAMPING
    return np.asarray(jacobian.T @ np.linalg.inv(gram))
