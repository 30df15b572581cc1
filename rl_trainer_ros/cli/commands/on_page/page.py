"""`rl_trainer page`: serve a web page that shows robots, and moves them in real time."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from rl_trainer_ros.cli.command import Command
from robot_interface_ros.config import option


@dataclass(frozen=True)
class PageOptions:
    """Arguments of `rl_trainer page`; the node checks them."""

    namespaces: tuple[str, ...] = option(("env_0",), "robots to show; with several, the page has a list")
    port: int = option(8080, "port of the page; if it is in use, the next free one", minimum=1, maximum=65535)
    host: str = option("127.0.0.1", "address to listen on; one that other machines can reach needs a token")
    token: str = option("", "secret that the address must contain, 12 characters or more; auto: the page makes one")
    trainer: str = option("trainer", "name of the trainer whose curves and buttons are shown")
    end_effector: str = option("", "link that the jog buttons move; empty: chosen on the page")
    domain_id: int | None = option(None, "ROS domain; empty: as in the environment", minimum=0, maximum=232)


def page(options: PageOptions) -> int:
    """Serve the page until Ctrl-C."""
    from rl_trainer_ros.bringup import supervisor, viewers
    from rl_trainer_ros.bringup.system import System

    told = {name: value for name, value in vars(options).items() if name != "domain_id" and value != ""}
    environment = {} if options.domain_id is None else {"ROS_DOMAIN_ID": str(options.domain_id)}
    needed = dataclasses.replace(viewers.page(told), optional=False)
    return supervisor.run(System((needed,), environment, endless=True))


COMMAND = Command(
    "page",
    "a web page that shows robots in 3-D with cameras and curves, and moves robots in real time",
    run=page,
    options=PageOptions,
    examples=(
        "rl_trainer page                                         # of /env_0: open http://127.0.0.1:8080",
        "rl_trainer page host:=0.0.0.0 token:=auto               # also for other machines; prints the address to open",
    ),
    over_topics=True,
)
