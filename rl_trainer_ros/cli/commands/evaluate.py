"""`rl_trainer evaluate`: evaluate a trained model on unseen targets."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rl_trainer_ros.bringup.ros_arguments import placed
from rl_trainer_ros.cli.command import Command
from rl_trainer_ros.cli.shown_progress import Progress
from rl_trainer_ros.environments.env_config import SIMULATED
from rl_trainer_ros.evaluation.film_file import check_film, save_film
from robot_interface_ros.command_lines import command_line
from robot_interface_ros.config import option
from robot_interface_ros.robot_config import robot_file
from robot_interface_ros.start import leaving_at_once

if TYPE_CHECKING:
    from rl_trainer_ros.environments.environment import RobotEnv
    from rl_trainer_ros.evaluation.episodes import Evaluation
    from rl_trainer_ros.training.trainer_config import TrainerConfig

_FILMED = 3
"""Number of episodes in a film."""


@dataclass(frozen=True)
class EvaluateOptions:
    """Arguments of `rl_trainer evaluate`."""

    run: str = option("latest", "latest, a run folder, or a folder in it such as its best/", path=True)
    model: str = option("final", "model of the run", choices=("final", "best", "latest"))
    episodes: int = option(500, "number of unseen targets", minimum=1, maximum=1_000_000)
    hold: bool = option(False, "continue after success, and report whether the hand stays within reach for 5 steps")
    transport: str = option(
        "in_process",
        "in_process: simulate the robot; topics: use the robot in `namespace`",
        choices=("in_process", "topics"),
    )
    namespace: str = option("env_0", "the robot's namespace, over topics")
    realtime: bool = option(False, "over topics: the robot runs at its own rate, as a physical one does")
    physics_hz: float | None = option(
        None,
        "physics steps per simulated second, in process; empty: the simulator's default",
        minimum=50.0,
        maximum=10000.0,
    )
    imperfection: str = option(
        "",
        "imperfections, in process: a name in config/imperfections/ or the path of a .yaml file; none: no imperfection; "
        "empty: as in training",
        path=True,
    )
    world: str = option(
        "", "world around the robot, in process: a name or the path of a .yaml file; empty: as in training", path=True
    )
    video: str = option(
        "", "film of the first three episodes, in process: a .gif or .mp4 file to write, such as reach.gif", path=True
    )
    robot: str = option(
        "",
        "robot to evaluate on, or the path of its .yaml file; empty: that of the training, which must be unchanged",
        path=True,
    )
    gaze_search: str = option(
        "", "posture in which head and eyes search, as in rl_trainer train; empty: as in training, {}: no search"
    )
    log_dir: str = option("runs", "folder in which latest is searched", path=True)


class EvaluateError(ValueError):
    """A run cannot be evaluated; the message has one line."""


def evaluate_run(options: EvaluateOptions) -> int:
    """Evaluate a run's model, print a table and the summary line, save `evaluation.json` in the run folder."""
    _check_video(options)
    namespace = placed(options.namespace)
    if options.robot:
        robot_file(options.robot)
    with leaving_at_once():  # imported here, so that `rl_trainer --help` and `train` do not wait for these modules
        import torch

        from rl_trainer_ros.environments.make_env import Connection, make_environment
        from rl_trainer_ros.environments.rendering import RGB_ARRAY
        from rl_trainer_ros.environments.requirements import task_class
        from rl_trainer_ros.evaluation.film import Film
        from rl_trainer_ros.evaluation.policy_runner import PolicyRunner
        from rl_trainer_ros.training import trained_policy
        from rl_trainer_ros.training.checkpoints.errors import ModelError
        from rl_trainer_ros.training.runs import run_folder

    try:
        found = trained_policy.load(options.run, options.model, options.log_dir)
        trained_policy.check_encoder(found)
    except ModelError as error:
        raise EvaluateError(str(error)) from None
    folder, model, policy = found.run, found.model, found.policy
    if found.untrained:
        print(f"{model} was saved before the first update: this policy is untrained", file=sys.stderr, flush=True)
    config = _with_robot(found.config, folder, options.robot)
    torch.set_num_threads(config.torch_threads)
    changes = _changes(options) | {"realtime": options.realtime}
    changes |= {"gaze_search": options.gaze_search} if options.gaze_search else {}
    if options.hold:
        if not hasattr(task_class(config.task).Settings, "end_at_success"):
            raise EvaluateError(
                f"hold needs a task with the setting end_at_success, which {config.task} does not have; leave it out"
            )
        changes["task_settings"] = {**config.settings("task"), "end_at_success": False}
    print(f"evaluating {model} on {options.episodes} unseen targets, {options.transport}", flush=True)
    physics = {} if options.physics_hz is None else {"physics_hz": options.physics_hz}
    connection = Connection(options.transport, namespace, simulation=physics)
    environment = make_environment(config.environment(**changes), connection, RGB_ARRAY if options.video else None)
    try:
        trained_policy.check_observation(found, environment)
    except ModelError as error:
        environment.close()
        raise EvaluateError(str(error)) from None
    film = Film(environment, _FILMED if options.video else 0)
    try:
        result = measure(PolicyRunner(policy.algorithm, policy.normalisation.apply), environment, options, film.watch)
    finally:
        environment.close()
    figures = {
        "model": str(model),
        "num_timesteps": policy.about.get("num_timesteps"),
        "conditions": _conditions(options, found.config),
        **result.to_dict(),
    }
    failure: OSError | None = None
    try:
        run_folder.write_json(folder / "evaluation.json", figures)
    except OSError as error:  # a run may be read-only; its result is shown all the same
        failure = error
    _finish(folder, model, result, failure)
    if options.video:
        save_film(film, Path(options.video))
    return 1 if failure else 0


def _with_robot(config: TrainerConfig, run: Path, robot: str) -> TrainerConfig:
    """Return the run's settings, with `robot` if one is named. Raises ConfigError if the run's robot has changed since."""
    from rl_trainer_ros.training.runs import robot_files

    if not robot:
        robot_files.check(run, config.robot, "evaluate on a robot as it is now: robot:=...")
        return config
    changed = robot_files.difference(run, robot)
    if changed:
        print(f"another robot than in training: {changed}", file=sys.stderr, flush=True)
    return dataclasses.replace(config, robot=robot)


def _changes(options: EvaluateOptions) -> dict[str, Any]:
    """Return the settings of the simulation that differ from those of the training."""
    given = {name: getattr(options, name) for name in SIMULATED if getattr(options, name, "")}
    first = "physics_hz" if options.physics_hz is not None else next(iter(given), "")
    if first and options.transport != "in_process":
        raise EvaluateError(f"{first} has no effect with transport:=topics; set it where the robot is simulated")
    return given


def _conditions(options: EvaluateOptions, trained: TrainerConfig) -> dict[str, Any]:
    """Return the options in which the evaluation differs from the training, which a report must not compare with others."""
    same = {name: getattr(trained, name) for name in ("robot", "world", "gaze_search")}
    same["imperfection"] = trained.imperfection or "none"
    given = {name: getattr(options, name) for name in ("hold", "realtime", "physics_hz", *same)}
    return {name: value for name, value in given.items() if value and value != same.get(name)}


def _check_video(options: EvaluateOptions) -> None:
    """Raise EvaluateError before the episodes if the film cannot be written."""
    if not options.video:
        return
    if options.transport != "in_process":
        raise EvaluateError("video needs transport:=in_process, which can render the robot; leave it out")
    check_film(options.video)


def measure(
    act: Callable[[Any, RobotEnv], Any],
    environment: RobotEnv,
    options: EvaluateOptions,
    watch: Callable[[int, int, bool | None], None] = lambda episode, steps, success: None,
) -> Evaluation:
    """Evaluate `act(observation, environment) -> action`. Raises EvaluateError if too many episodes are interrupted."""
    from rl_trainer_ros.evaluation.episodes import evaluate

    try:
        return evaluate(
            act,
            environment,
            options.episodes,
            hold=options.hold,
            report=Progress("episode", options.episodes).show,
            watch=watch,
        )
    except RuntimeError as error:
        raise EvaluateError(" ".join(str(error).split())) from error


def _finish(folder: Path, model: Path, result: Evaluation, failure: OSError | None = None) -> None:
    from rl_trainer_ros.training.curves.callback import PICTURE
    from rl_trainer_ros.training.runs import run_folder

    training_s = run_folder.training_s_of(folder)
    print(result.table())
    kept = f"not written: {failure}" if failure else folder / "evaluation.json"
    for name, path in (("run folder", folder), ("model", model), ("figures", kept)):
        print(f"  {name:<28}{path}")
    board = command_line("--logdir", str(folder), program="tensorboard")
    print(f"  {'learning curves':<28}{folder / PICTURE}; {board}")
    print(result.line(training_s), flush=True)


COMMAND = Command(
    "evaluate",
    "evaluate a trained policy on unseen targets",
    run=evaluate_run,
    options=EvaluateOptions,
    examples=(
        "rl_trainer evaluate run:=latest hold:=true",
        "rl_trainer evaluate run:=runs/reach/ground_truth/ppo/2026-01-31_12-00-00 model:=best episodes:=1000",
    ),
    over_topics=True,
)
