"""Runs and encoders of an older version can be read, resumed and evaluated; see test/fixtures/README.md."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from rl_trainer_ros.bringup.launch_arguments import resolve_values
from rl_trainer_ros.cli.commands.evaluate import EvaluateOptions, evaluate_run
from rl_trainer_ros.environments.make_env import make_environment
from rl_trainer_ros.factories import load_encoder
from rl_trainer_ros.training.checkpoints import contents
from rl_trainer_ros.training.runs import run_folder
from rl_trainer_ros.training.train import TrainingRun

pytestmark = pytest.mark.slow

OLDER = Path(__file__).resolve().parents[1] / "fixtures" / "written_by_102c4b8"
EXPECTED: dict[str, Any] = json.loads((OLDER / "expected.json").read_text())
LAST = {"ppo": (128, 256), "sac": (160, 240)}  # steps of the exact checkpoint and of the final one


@pytest.fixture(params=LAST)
def algo(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def run(algo: str, tmp_path: Path) -> Path:
    """Return a copy of the run that a test may change."""
    return Path(shutil.copytree(OLDER / algo, tmp_path / algo, symlinks=True))


@pytest.mark.resume
def test_an_older_run_is_resumed_and_ends_where_the_older_version_ended(algo: str, run: Path) -> None:
    """The same parameters up to rounding: another processor may add float32 numbers in another order."""
    config = resolve_values({"resume": str(run), "transport": "in_process"}).trainer
    lines: list[str] = []
    result = TrainingRun(config, lambda _: make_environment(config)).run(report=lines.append)
    assert result.error is None and result.folder == run and result.num_timesteps == LAST[algo][1]
    assert f"resumes after {LAST[algo][0]} steps, from 000000{LAST[algo][0]}_exact" in lines[0]
    old, new = (load_file(folder / "final" / contents.PARAMETERS) for folder in (OLDER / algo, run))
    assert old.keys() == new.keys()
    start = load_file(OLDER / algo / "latest" / contents.PARAMETERS)
    for name in old:
        torch.testing.assert_close(new[name], old[name], rtol=1e-3, atol=1e-4)
    assert any(not torch.allclose(start[name], old[name], rtol=1e-3, atol=1e-4) for name in old)  # it did learn
    statistics = [json.loads((folder / "final" / contents.STATISTICS).read_text()) for folder in (OLDER / algo, run)]
    for name in ("mean", "variance", "count", "return_mean"):
        assert statistics[0][name] == pytest.approx(statistics[1][name], rel=1e-4, abs=1e-5)


def test_an_older_run_is_evaluated_with_the_older_versions_figures(algo: str, run: Path) -> None:
    assert evaluate_run(EvaluateOptions(run=str(run), episodes=3)) == 0
    figures = json.loads((run / "evaluation.json").read_text())
    for name, value in EXPECTED[algo].items():
        assert figures[name] == pytest.approx(value, rel=1e-3, abs=1e-3), name


def test_an_older_run_is_found_by_name(run: Path) -> None:
    config = run_folder.load_config(run_folder.find(str(run / "latest")))
    assert (config.task, config.robot, config.seed, config.num_timesteps) == ("reach", "inmoov", 0, LAST[run.name][1])


def test_an_older_encoder_is_read_and_encodes_the_same() -> None:
    encoder = load_encoder(OLDER / "encoder")
    image = (np.arange(64 * 64 * 3) * 7 % 256).astype(np.uint8).reshape(64, 64, 3)
    assert encoder.id == EXPECTED["encoder"]["id"]
    np.testing.assert_allclose(encoder.encode(image), EXPECTED["encoder"]["state"], rtol=1e-4, atol=1e-4)
