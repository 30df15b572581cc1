"""Paths as users type them."""

from __future__ import annotations

from pathlib import Path

from robot_interface_ros.errors import ConfigError


def expanded(path: str | Path) -> Path:
    """Return the path with a leading ~ or ~user replaced by the home folder. Raises ConfigError if there is none."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        home = Path(path).parts[0]
        raise ConfigError(
            f"{path} begins with {home}, but this machine has no such home folder; write the full path"
        ) from None
