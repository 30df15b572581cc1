"""Choice of the renderer: PyBullet's software renderer, or its EGL plugin on a graphics card."""

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
"""Number of pixels of an image from which a graphics card is faster than TinyRenderer (docs/cameras.md)."""
_PROBE_TIMEOUT_S = 60.0
_SOFTWARE = ("llvmpipe", "softpipe", "swrast")
_SYMBOL = "_eglRendererPlugin"
# The plugin ends the process if EGL fails, so a child process tries it first.
_PROBE = f"""
import sys, pybullet
pybullet.connect(pybullet.DIRECT)
if pybullet.loadPlugin(sys.argv[1], "{_SYMBOL}") < 0:
    sys.exit("the plugin does not load")
view, projection = [1.0 if i % 5 == 0 else 0.0 for i in range(16)], pybullet.computeProjectionMatrixFOV(60, 1, 0.1, 10)
pybullet.getCameraImage(8, 8, view, projection, renderer=pybullet.ER_BULLET_HARDWARE_OPENGL)
"""


def choose_renderer(asked: str, pixels: int = EGL_PAYS_FROM) -> str:
    """Return "tiny" or "egl" for one of RENDERERS; `pixels`: number of pixels of the largest image.

    "auto" chooses egl if the plugin works on a graphics card; otherwise it chooses tiny and logs the reason in one line.
    It also chooses tiny for images that a card does not render faster. "egl" raises ConfigError if the plugin fails.
    """
    if asked == "tiny" or (asked == "auto" and pixels < EGL_PAYS_FROM):
        return "tiny"
    problem = egl_problem()
    if asked == "auto" and problem is None:
        problem = _no_card()
    if problem is None:
        return "egl"
    if asked == "egl":
        raise ConfigError(f"renderer egl does not work on this machine: {problem}; use renderer:=tiny")
    logging.getLogger("robot_sim_ros").warning(
        "renderer auto: uses TinyRenderer, because egl does not work: %s", problem
    )
    return "tiny"


def load_egl(client: Any) -> None:
    """Load the EGL plugin: a graphics card renders everything that `client` loads afterwards."""
    path = _plugin()
    assert path is not None
    silence_printf()
    with quiet_output():
        loaded = client.loadPlugin(path, _SYMBOL)
    if loaded < 0:
        raise ConfigError(f"PyBullet cannot load {path}; use renderer:=tiny")


@cache
def egl_problem() -> str | None:
    """Return why the EGL plugin does not work on this machine, in a few words; None if it works."""
    return _probe()[0]


def egl_card() -> str:
    """Return the name of the device that the EGL plugin renders on; empty if it does not work."""
    return _probe()[1]


def _no_card() -> str | None:
    card = _probe()[1]
    return (
        f"it would render on {card}, which is not a graphics card"
        if any(name in card.lower() for name in _SOFTWARE)
        else None
    )


@cache
def _probe() -> tuple[str | None, str]:
    """Return the problem of EGL on this machine, or None, and the name of its device."""
    path = _plugin()
    if path is None:
        return "this PyBullet has no eglRenderer plugin", ""
    if not _has_device():
        return "there is no graphics card (no /dev/dri/renderD*, no /dev/nvidia*)", ""
    try:
        child = subprocess.run(
            [sys.executable, "-c", _PROBE, path], capture_output=True, text=True, timeout=_PROBE_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return f"it renders nothing within {_PROBE_TIMEOUT_S:g} s", ""
    if child.returncode:
        lines = [line.strip() for line in (child.stdout + "\n" + child.stderr).splitlines() if line.strip()]
        return lines[-1] if lines else f"it ends its process with code {child.returncode}", ""
    card = re.search(r"GL_RENDERER=(.*)", child.stdout)
    return None, card.group(1).strip() if card else ""


def _plugin() -> str | None:
    """Return the plugin's file. It is installed like a Python module, next to PyBullet, but it is not one."""
    try:
        found = importlib.util.find_spec("eglRenderer")
    except (ImportError, ValueError):
        return None
    return found.origin if found is not None else None


def _has_device() -> bool:
    devices = Path("/dev")
    return any(devices.glob("dri/renderD*")) or any(devices.glob("nvidia[0-9]*"))
