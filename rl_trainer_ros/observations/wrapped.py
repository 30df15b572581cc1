"""Base class of observations that add something to another one."""

from __future__ import annotations

from rl_trainer_ros.arm.arm import StepState
from rl_trainer_ros.observations.observation import ObservationSpace
from robot_interface_ros.robot import Array


class WrappedObservation(ObservationSpace):
    """Has the cameras, the memory and the target estimate of another observation; a subclass adds `space` and `encode`."""

    def __init__(self, inner: ObservationSpace):
        super().__init__(inner.arm, inner.settings)
        self.inner = inner

    @property
    def cameras(self) -> tuple[str, ...]:
        """See ObservationSpace."""
        return self.inner.cameras

    def begin(self, step_state: StepState) -> None:
        """See ObservationSpace."""
        self.inner.begin(step_state)

    def target_estimate(self, step_state: StepState) -> Array | None:
        """See ObservationSpace."""
        return self.inner.target_estimate(step_state)

    def target_deviation(self, step_state: StepState) -> float:
        """See ObservationSpace."""
        return self.inner.target_deviation(step_state)
