"""`rl_trainer demo`: InMoov reaches for a target that you drag with the mouse."""

from __future__ import annotations

from dataclasses import dataclass

from rl_trainer_ros.cli.command import Command
from rl_trainer_ros.cli.commands.on_page.enjoy import EnjoyOptions, enjoy
from robot_interface_ros.config import option
from robot_interface_ros.files.description import share_directory


@dataclass(frozen=True)
class DemoOptions:
    """Arguments of `rl_trainer demo`."""

    port: int = option(8080, "port of the page; the next free one where it is in use", minimum=1, maximum=65535)
    domain_id: int | None = option(None, "ROS domain; empty: as in the environment", minimum=0, maximum=232)


def demo(options: DemoOptions) -> int:
    """Play the policy that ships with the package, until Ctrl-C."""
    policy = share_directory() / "config" / "policies" / "reach"
    print(f"InMoov reaches for the red ball; drag it on the page. The policy: {policy}", flush=True)
    return enjoy(EnjoyOptions(run=str(policy), port=options.port, domain_id=options.domain_id))


COMMAND = Command(
    "demo",
    "InMoov reaches for a target that you drag on the web page, with a policy that ships with the package",
    run=demo,
    options=DemoOptions,
    examples=("rl_trainer demo                                         # then open http://127.0.0.1:8080",),
)
