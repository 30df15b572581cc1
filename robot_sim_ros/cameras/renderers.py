"""Who draws: PyBullet's software renderer, or its EGL plugin on a graphics card."""

from __future__ import annotations

import importlib.util
import logging
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

from robot_interface_ros.config import ConfigError
from robot_sim_ros.quiet import quiet_output, silence_printf

RENDERERS = ("tiny", "egl", "auto")
EGL_PAYS_FROM = 300 * 300
"""Pixels of an image from which a graphics card draws it sooner than TinyRenderer (docs/cameras.md)."""
_PROBE_TIMEOUT_S = 60.0
_SOFTWARE = ("llvmpipe", "softpipe", "swrast")
_SYMBOL = "_eglRendererPlugin"
# The plugin ends the process where EGL fails it, so a child tries it first.
_PROBE = f"""
import sys, pybullet
pybullet.connect(pybullet.DIRECT)
if pybullet.loadPlugin(sys.argv[1], "{_SYMBOL}") < 0:
    sys.exit("the plugin does not load")
view, projection = [1.0 if i % 5 == 0 else 0.0 for i in range(16)], pybullet.computeProjectionMatrixFOV(60, 1, 0.1, 10)
pybullet.getCameraImage(8, 8, view, projection, renderer=pybullet.ER_BULLET_HARDWARE_OPENGL)
"""


def choose_renderer(asked: str, pixels: int = EGL_PAYS_FROM) -> str:
    """Return "tiny" or "egl" for one of RENDERERS; `pixels`: of the largest image.

    "auto" is egl where there is a graphics card that the plugin draws on, and says so in one line where it is not; it is
    tiny for images that a card does not draw sooner. "egl" raises ConfigError where the plugin does not work.
    """
    if asked == "tiny" or (asked == "auto" and pixels < EGL_PAYS_FROM):
        return "tiny"
    problem = egl_problem()
    if asked == "auto" and problem is None:
        problem = _no_card()
    if problem is None:
        return "egl"
    if asked == "egl":
        raise ConfigError(f"renderer egl does not work here: {problem}; use renderer:=tiny")
    logging.getLogger("robot_sim_ros").warning("renderer auto: TinyRenderer draws, for egl does not: %s", problem)
    return "tiny"


def load_egl(client: Any) -> None:
    """Let a graphics card draw all that `client` loads from now on."""
    path = _plugin()
    assert path is not None
    silence_printf()
    with quiet_output():
        loaded = client.loadPlugin(path, _SYMBOL)
    if loaded < 0:
        raise ConfigError(f"PyBullet does not load {path}; use renderer:=tiny")


@cache
def egl_problem() -> str | None:
    """Why the EGL plugin cannot draw here, in a few words; None where it can."""
    return _probe()[0]


def egl_card() -> str:
    """What the EGL plugin draws on; empty where it draws nothing."""
    return _probe()[1]


def _no_card() -> str | None:
    card = _probe()[1]
    return f"it would draw on {card}, no graphics card" if any(name in card.lower() for name in _SOFTWARE) else None


@cache
def _probe() -> tuple[str | None, str]:
    """What is wrong with EGL here, and what it draws on."""
    path = _plugin()
    if path is None:
        return "this PyBullet comes without its eglRenderer plugin", ""
    if not _has_device():
        return "there is no graphics card (no /dev/dri/renderD*, no /dev/nvidia*)", ""
    try:
        child = subprocess.run(
            [sys.executable, "-c", _PROBE, path], capture_output=True, text=True, timeout=_PROBE_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return f"it draws nothing within {_PROBE_TIMEOUT_S:g} s", ""
    if child.returncode:
        words = [line.strip() for line in (child.stdout + "\n" + child.stderr).splitlines() if line.strip()]
        return words[-1] if words else f"it ends its process with code {child.returncode}", ""
    card = re.search(r"GL_RENDERER=(.*)", child.stdout)
    return None, card.group(1).strip() if card else ""


def _plugin() -> str | None:
    """The plugin's file: it is installed beside PyBullet like a Python module, though it is none."""
    try:
        found = importlib.util.find_spec("eglRenderer")
    except (ImportError, ValueError):
        return None
    return found.origin if found is not None else None


def _has_device() -> bool:
    devices = Path("/dev")
    return any(devices.glob("dri/renderD*")) or any(devices.glob("nvidia[0-9]*"))
