"""`rl_trainer enjoy`: watch a trained policy on the page, and drag its target."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rl_trainer_ros.cli.command import Command
from rl_trainer_ros.evaluation.film_file import check_film, save_film
from robot_interface_ros.config import option
from robot_interface_ros.files.paths import expanded
from robot_interface_ros.start import leaving_at_once

if TYPE_CHECKING:
    from rl_trainer_ros.environments.environment import RobotEnv

_FILM_SIZE = 320
"""Width and height of the robot in a film, pixels; as much again for the numbers."""
_OF_THE_ROBOT = ("task", "robot", "joint_group", "gaze", "world", "observation", "srl_model", "srl_folder", "log_dir")
"""Settings of the training that decide which robot is served, and with which cameras and encoders."""


@dataclass(frozen=True)
class EnjoyOptions:
    """Arguments of `rl_trainer enjoy`."""

    run: str = option("latest", "latest, a run folder, or a folder in it such as its best/", path=True)
    model: str = option("final", "model of the run", choices=("final", "best", "latest"))
    log_dir: str = option("runs", "folder in which latest is searched", path=True)
    video: str = option(
        "",
        "no page: a film of a few episodes with the policy's numbers, a .gif or .mp4 file, simulated in process",
        path=True,
    )
    episodes: int = option(3, "number of episodes in the film, on unseen targets", minimum=1, maximum=100)
    port: int = option(8080, "port of the page; the next free one where it is in use", minimum=1, maximum=65535)
    domain_id: int | None = option(None, "ROS domain; empty: as in the environment", minimum=0, maximum=232)


def enjoy(options: EnjoyOptions) -> int:
    """Serve a simulated robot in real time, the page, and a player of the policy, until Ctrl-C; or write a film."""
    if options.video:
        return _film(options)
    from rl_trainer_ros.bringup import supervisor, system
    from rl_trainer_ros.bringup.process import Process
    from rl_trainer_ros.training.runs import robot_files, run_folder

    run = run_folder.find(options.run, options.log_dir, learned=True)
    config, named = run_folder.load_config(run), expanded(options.run)
    robot_files.check(run, config.robot, "train the policy again")
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


def _film(options: EnjoyOptions) -> int:
    """Play episodes in process, and write the film of them with the policy's numbers beside the robot."""
    check_film(options.video)
    with leaving_at_once():
        import torch

        from rl_trainer_ros.environments.make_env import make_environment
        from rl_trainer_ros.environments.rendering import RGB_ARRAY
        from rl_trainer_ros.evaluation.episodes import evaluate
        from rl_trainer_ros.evaluation.film import Film
        from rl_trainer_ros.evaluation.film_numbers import beside
        from rl_trainer_ros.evaluation.policy_runner import PolicyRunner
        from rl_trainer_ros.recording.policy_streams import PolicyStreams, Streams, rows
        from rl_trainer_ros.training import trained_policy
        from rl_trainer_ros.training.runs import robot_files

    found = trained_policy.load(options.run, options.model, options.log_dir)
    robot_files.check(found.run, found.config.robot, "train the policy again")
    trained_policy.check_encoder(found)
    torch.set_num_threads(found.config.torch_threads)
    environment = make_environment(found.config.environment(), render_mode=RGB_ARRAY, render_size=_FILM_SIZE)
    with contextlib.closing(environment):
        trained_policy.check_observation(found, environment)
        act = PolicyRunner(found.policy.algorithm, found.policy.normalisation.apply)
        numbers, last = PolicyStreams(found.policy.algorithm.policy, environment, act), Streams()
        film = Film(environment, options.episodes, lambda picture: beside(picture, rows(last)))

        def chosen(observation: Any, environment: RobotEnv) -> Any:
            action = act(observation, environment)
            last.update(numbers.after(action, observation))
            return action

        def watch(episode: int, steps: int, success: bool | None) -> None:
            if not steps:
                last.clear()
                act.begin()
            film.watch(episode, steps, success)

        evaluate(chosen, environment, options.episodes, watch=watch)
    save_film(film, expanded(options.video))
    return 0


COMMAND = Command(
    "enjoy",
    "watch a trained policy on the web page, and drag its target; or film it",
    run=enjoy,
    options=EnjoyOptions,
    examples=(
        "rl_trainer enjoy                                        # the newest run: open http://127.0.0.1:8080",
        "rl_trainer enjoy video:=reach.mp4                       # a film with the policy's numbers beside the robot",
    ),
)
