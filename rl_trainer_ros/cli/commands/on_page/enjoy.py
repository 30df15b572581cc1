"""`rl_trainer enjoy`: watch a trained policy on the page, and drag its target."""

from __future__ import annotations

from dataclasses import dataclass

from rl_trainer_ros.cli.command import Command
from robot_interface_ros.config import option
from robot_interface_ros.files.paths import expanded

_OF_THE_ROBOT = ("task", "robot", "joint_group", "world", "observation", "srl_model", "srl_folder", "log_dir")
"""Settings of the training that decide which robot is served, and with which cameras and encoders."""


@dataclass(frozen=True)
class EnjoyOptions:
    """Arguments of `rl_trainer enjoy`."""

    run: str = option("latest", "run folder, or something in it such as its best/; or latest", path=True)
    model: str = option("final", "which of the run's models", choices=("final", "best", "latest"))
    log_dir: str = option("runs", "where latest is looked for", path=True)
    port: int = option(8080, "port of the page; the next free one where it is in use", minimum=1, maximum=65535)
    domain_id: int | None = option(None, "ROS domain; empty: as in the environment", minimum=0, maximum=232)


def enjoy(options: EnjoyOptions) -> int:
    """Serve a simulated robot in real time, the page, and a player of the policy, until Ctrl-C."""
    from rl_trainer_ros.bringup import supervisor, system
    from rl_trainer_ros.bringup.process import Process
    from rl_trainer_ros.training.runs import run_folder

    run = run_folder.find(options.run, options.log_dir, learned=True)
    config, named = run_folder.load_config(run), expanded(options.run)
    arguments = {name: str(getattr(config, name)) for name in _OF_THE_ROBOT}
    arguments |= {"control_hz": f"{config.control_hz:g}", "realtime": "true", "page": "true"}
    arguments |= {
        "page_port": str(options.port),
        "domain_id": "" if options.domain_id is None else str(options.domain_id),
    }
    robots = system.robots({name: text for name, text in arguments.items() if text})
    player = Process(
        "player",
        "player_node",
        "rl_trainer_ros.ros.player_node",
        parameters={"run": str(named if named.exists() else run), "model": options.model, "namespaces": ("/env_0",)},
        max_restarts=0,
        ends_system=True,
    )
    return supervisor.run(system.System((*robots.processes, player), robots.environment))


COMMAND = Command(
    "enjoy",
    "watch a trained policy on the web page, and drag its target",
    run=enjoy,
    options=EnjoyOptions,
    examples=("rl_trainer enjoy                                        # the newest run: open http://127.0.0.1:8080",),
)
