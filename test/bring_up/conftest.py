"""Bring-up is tested as on a machine of two cores: how many simulators share the robots depends on the cores."""

from __future__ import annotations

import pytest

from rl_trainer_ros.bringup import system


@pytest.fixture(autouse=True)
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of cores that this process may use."""
    monkeypatch.setattr(system.os, "sched_getaffinity", lambda pid: {0, 1})
