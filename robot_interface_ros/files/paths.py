"""Paths as a person types them."""

from __future__ import annotations

from pathlib import Path

from robot_interface_ros.errors import ConfigError


def expanded(path: str | Path) -> Path:
    """The path, with a leading ~ or ~user as that home folder. Raises ConfigError where there is no such home."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        home = Path(path).parts[0]
        raise ConfigError(
            f"{path} begins with {home}, and this machine knows no home folder for it; write the path out"
        ) from None
