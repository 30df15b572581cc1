"""Settings of the page."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass

from robot_interface_ros.config import ConfigError, option
from robot_interface_ros.names import check_namespaces

AUTO = "auto"
LOCAL = ("127.0.0.1", "localhost", "::1")
SHORTEST_TOKEN = 12
_TOKEN = re.compile(r"[A-Za-z0-9._~-]*")


@dataclass(frozen=True)
class PageConfig:
    """Checked by `from_mapping`."""

    namespaces: tuple[str, ...] = option(("env_0",), "robots that the page shows, one per namespace")
    host: str = option("127.0.0.1", "address to listen on; any other than this machine's own needs a token")
    port: int = option(
        8080, "port to listen on; the next free one is taken where it is in use", minimum=1, maximum=65535
    )
    token: str = option("", "secret that the address must contain, 12 characters or more; auto: made at the start")
    trainer: str = option("trainer", "name of the trainer whose curves and buttons are shown")
    end_effector: str = option("", "link that the jog buttons move; empty: chosen on the page")
    rate_hz: float = option(20.0, "most updates of the page a second", minimum=1.0, maximum=60.0)
    camera_hz: float = option(5.0, "most pictures a second of each camera", minimum=0.1, maximum=60.0)

    def __post_init__(self) -> None:
        check_namespaces(self.namespaces)
        if not self.namespaces:
            raise ConfigError("namespaces is empty; name a robot, such as [env_0]")
        if self.token == AUTO:
            object.__setattr__(self, "token", secrets.token_urlsafe(16))
        check_address(self.host, self.token)


def check_address(host: str, token: str) -> None:
    """Raise ConfigError for an address that other machines reach, unless a token protects it."""
    if token and len(token) < SHORTEST_TOKEN:
        raise ConfigError(f"token has {len(token)} characters; use at least {SHORTEST_TOKEN}")
    if not _TOKEN.fullmatch(token):
        raise ConfigError("token may have a-z, A-Z, 0-9 and . _ ~ - only: it is a part of the address and of a cookie")
    if host not in LOCAL and not token:
        raise ConfigError(
            f"host:={host} can be reached from other machines, and everyone there could move the robot; "
            "add token:=auto, or leave host out and tunnel: ssh -L 8080:127.0.0.1:8080 <this machine>"
        )
