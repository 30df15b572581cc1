"""`rl_trainer evaluate`: a trained model on unseen targets."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from rl_trainer_ros import model_files, run_folder
from rl_trainer_ros.evaluation import Evaluation, evaluate
from rl_trainer_ros.make_env import make_robot_env
from rl_trainer_ros.training import env_settings

if TYPE_CHECKING:
    from rl_trainer_ros.cli import EvaluateOptions


def evaluate_run(options: EvaluateOptions) -> int:
    """Evaluate a run's model, print a table and the summary line, save `evaluation.json` in the run folder."""
    folder = run_folder.find(options.run, options.log_dir)
    named = Path(options.run)
    model = named if (named / model_files.ABOUT).is_file() else folder / options.model
    policy = model_files.load(model)
    config = run_folder.load_config(folder)
    torch.set_num_threads(config.torch_threads)
    settings: dict[str, Any] = env_settings(config)
    if options.hold:
        settings["end_at_success"] = False
    print(f"evaluating {model} on {options.episodes} unseen targets, {options.transport}", flush=True)
    environment = make_robot_env(**settings, transport=options.transport, namespace=options.namespace)
    try:
        result = evaluate(
            lambda observation, _: policy.act(observation),
            environment,
            options.episodes,
            hold=options.hold,
            report=lambda done: _progress(done, options.episodes),
        )
    finally:
        environment.close()
    _finish(folder, model, result)
    return 0


def _finish(folder: Path, model: Path, result: Evaluation) -> None:
    training_s = None
    if (folder / "result.json").is_file():
        training_s = json.loads((folder / "result.json").read_text(encoding="utf-8"))["training_s"]
    run_folder.write_json(folder / "evaluation.json", {"model": str(model), **result.to_dict()})
    print(result.table())
    for name, path in (("run folder", folder), ("model", model), ("figures", folder / "evaluation.json")):
        print(f"  {name:<24}{path}")
    print(f"  {'learning curves':<24}tensorboard --logdir {folder}")
    print(result.line(training_s), flush=True)


def _progress(done: int, total: int) -> None:
    if sys.stderr.isatty():
        print(
            f"\r  {done} of {total} episodes",
            end="" if done < total else "\r" + " " * 40 + "\r",
            file=sys.stderr,
            flush=True,
        )
