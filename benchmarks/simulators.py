"""Run simulator nodes in their own processes during a measurement."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import processes

NODE = "robot_sim_ros.ros.robot_sim_node"


@contextmanager
def simulators(
    told: Sequence[Mapping[str, object]], environment: Mapping[str, str] | None = None
) -> Iterator[list[subprocess.Popen[str]]]:
    """Start one simulator node for each mapping of parameters, all at once, and wait until all serve.

    `environment`: additional variables. Raises RuntimeError if a simulator ends before it serves.
    """
    started = [processes.start(NODE, parameters, environment) for parameters in told]
    try:
        for node in started:
            processes.hear(node, "serving")
        yield started
    finally:
        for node in started:
            node.terminate()
        for node in started:
            node.wait(20)
