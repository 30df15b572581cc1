"""Settings of the page."""

from __future__ import annotations

from dataclasses import dataclass

from robot_interface_ros.config import ConfigError, option
from robot_interface_ros.names import check_namespaces
from robot_page_ros.access import check_address


@dataclass(frozen=True)
class PageConfig:
    """Checked by `from_mapping`."""

    namespaces: tuple[str, ...] = option(("env_0",), "robots that the page shows, one per namespace")
    host: str = option("127.0.0.1", "address to listen on; any other than this machine's own needs a token")
    port: int = option(
        8080, "port to listen on; the next free one is taken where it is in use", minimum=1, maximum=65535
    )
    token: str = option("", "secret that the address must contain; 12 characters or more")
    trainer: str = option("trainer", "name of the trainer whose curves and buttons are shown")
    end_effector: str = option("", "link that the jog buttons move; empty: chosen on the page")
    rate_hz: float = option(20.0, "most updates of the page a second", minimum=1.0, maximum=60.0)
    camera_hz: float = option(5.0, "most pictures a second of each camera", minimum=0.1, maximum=60.0)

    def __post_init__(self) -> None:
        check_namespaces(self.namespaces)
        if not self.namespaces:
            raise ConfigError("namespaces is empty; name a robot, such as [env_0]")
        check_address(self.host, self.token)
