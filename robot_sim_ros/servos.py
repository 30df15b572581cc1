"""Position servos that move a body's joints, with a given strength, stiffness and speed."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from robot_interface_ros.robot import Array
from robot_interface_ros.robot_config import RobotDescription
from robot_sim_ros.body import Body
from robot_sim_ros.imperfection.actuation import per_joint
from robot_sim_ros.imperfection.draw import Drawn


def gains(gain: float, drawn: Drawn, joint_names: tuple[str, ...]) -> Array:
    """Return the share of the position error that each servo removes per physics step, `(n_joints,)`, at most 1."""
    return np.minimum(gain * per_joint(drawn.position_gain_scale, joint_names, 1.0), 1.0)


class Servos:
    """One servo per joint. A mimic joint has the strength and gain of the joint that it follows."""

    def __init__(self, client: Any, body: Body, description: RobotDescription, gain: float, substeps: int):
        """`gain`: share of the position error removed per physics step; `substeps`: physics steps per control period."""
        self._body, self._names, self._gain = body, description.joint_names, gain
        # With substeps, PyBullet converts a motor's force to the impulse of the whole period, and applies it in every
        # substep. It reports efforts in the same way. So forces are divided, and efforts multiplied, by the number of
        # substeps. Twelve calls of stepSimulation instead give the same motion, but take 20 us more.
        self._forces, self._speeds = description.limits.effort / substeps, description.limits.velocity
        self._mimic_forces = [joint.effort / substeps for joint in description.model.mimic_joints]
        self._set_motor = partial(
            client.setJointMotorControl2, body.id
        )  # BulletClient looks functions up by reflection: do it once
        self._mode = client.POSITION_CONTROL
        self.vary(Drawn())

    def vary(self, drawn: Drawn) -> None:
        """Apply the sampled strength and stiffness from the next command on."""
        strength = per_joint(drawn.motor_strength_scale, self._names, 1.0)
        gain = gains(self._gain, drawn, self._names).tolist()
        self._motors = list(zip(self._body.joints, (self._forces * strength).tolist(), gain, self._speeds.tolist()))
        self._mimics = [
            (joint, source, multiplier, offset, force * float(strength[source]), gain[source])
            for (joint, source, multiplier, offset), force in zip(self._body.mimics, self._mimic_forces)
        ]

    def drive(self, position: Array) -> None:
        """Give every servo its target, `(n_joints,)` rad."""
        set_motor, mode = self._set_motor, self._mode
        for (joint, force, gain, speed), target in zip(self._motors, position.tolist()):
            set_motor(
                joint, mode, targetPosition=target, positionGain=gain, velocityGain=1.0, force=force, maxVelocity=speed
            )
        for joint, source, multiplier, offset, force, gain in self._mimics:
            set_motor(
                joint,
                mode,
                targetPosition=float(position[source]) * multiplier + offset,
                positionGain=gain,
                velocityGain=1.0,
                force=force,
            )
