"""Recorded teacher data: used again, of other settings, damaged."""

from __future__ import annotations

import dataclasses
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_students import gaussian_of, made_data
from small_distillations import settings, silent

from rl_trainer_ros.distillation import data_set, distil, distributions
from rl_trainer_ros.distillation.distributions import CATEGORICAL, GAUSSIAN, Actions
from rl_trainer_ros.training.checkpoints import folders, trained_models
from robot_interface_ros.config import ConfigError

pytestmark = [pytest.mark.distil, pytest.mark.slow, pytest.mark.xdist_group("distillation")]


def test_recorded_data_teach_without_their_teacher_and_in_any_size(
    teacher_runs: dict[str, Path], tmp_path: Path
) -> None:
    recorded = settings(tmp_path, str(teacher_runs["circular"]), output=str(tmp_path / "data"), num_envs=2)
    (folder,) = distil.record_only(recorded, report=silent)
    lines: list[str] = []
    distil.record_only(recorded, report=lines.append)
    assert "recorded already" in lines[0]
    data = data_set.read(folder)
    policy = trained_models.load(teacher_runs["circular"] / "final")
    again = distributions.of_policy(policy.algorithm, policy.normalisation.apply(data.observations))
    assert np.allclose(again.arrays["probabilities"], data.actions.arrays["probabilities"], atol=1e-5)
    run = distil.distil(settings(tmp_path, str(tmp_path / "data"), set_size=100), report=silent)
    assert folders.read(run / "final").num_timesteps == 4 * 90  # a tenth is held back
    assert not (run / "data").exists()


@pytest.mark.resume
def test_recorded_data_of_other_settings_are_not_taken_for_these(teacher_runs: dict[str, Path], tmp_path: Path) -> None:
    first = settings(tmp_path, str(teacher_runs["circular"]), output=str(tmp_path / "data"), set_size=20)
    (folder,) = distil.record_only(first, report=silent)
    for more, said in (
        ({"seed": 3}, "recorded with seed 0, not 3"),
        ({"sampled": False}, "recorded with sampled True, not False"),
        ({"observation": "joints"}, "observation '', not 'joints'"),
        ({"set_size": 30}, "20 samples, not 30"),
    ):
        with pytest.raises(ConfigError, match=f"holds other teacher data: .*{said}"):
            distil.record_only(replace(first, **more), report=silent)
    about = json.loads((folder / "about.json").read_text())
    older = {name: value for name, value in about.items() if name not in ("teacher_sha256", "recording")}
    (folder / "about.json").write_text(json.dumps(older))
    lines: list[str] = []
    distil.record_only(first, report=lines.append)
    assert "recorded already" in lines[0]
    about["environment"]["frame_stack"] = 4
    (folder / "about.json").write_text(json.dumps(about))
    with pytest.raises(
        ConfigError, match=r"was recorded with observation space Box\(16,\) .* has Box\(64,\)"
    ) as raised:
        distil.distil(settings(tmp_path, str(folder)), report=silent)
    assert "\n" not in str(raised.value)


@pytest.mark.bad_input
def test_damaged_data_are_refused(tmp_path: Path) -> None:
    data = made_data(CATEGORICAL, 20, 0)
    wrong = data.actions.arrays["probabilities"] * 2.0
    nan = data.observations.copy()
    nan[3, 1] = np.nan
    for changed, said in (
        (dataclasses.replace(data, observations=nan), "observations holds a number that is not finite, in row 3"),
        (dataclasses.replace(data, actions=Actions(CATEGORICAL, {"probabilities": wrong})), "sum of 1"),
        (dataclasses.replace(data, rewards=np.ones(19, np.float32)), "the same number of each"),
        (data.first(0), "at least one"),
        (
            dataclasses.replace(data, observations=data.observations.astype(str)),
            "observations holds <U32; expected float32",
        ),
        (
            dataclasses.replace(data, observations=np.full((20, 4), 1e300)),
            "observations holds a number that is not finite",
        ),
        (dataclasses.replace(data, starts=data.rewards), "starts holds float32; expected bool"),
        (
            dataclasses.replace(data, action_space=made_data(GAUSSIAN, 1, 0).action_space),
            "does not fit the action space Box",
        ),
        (dataclasses.replace(data, notes={"encoder": ["x"]}), "encoder is .*; expected text"),
        (gaussian_of(log_std=1000.0), "log_std is not from -20 to 20"),
    ):
        folder = tmp_path / said[:8]
        data_set.write(changed, folder)
        with pytest.raises(ConfigError, match=said):
            data_set.read(folder)
        shutil.rmtree(folder)
    whole = tmp_path / "whole"
    data_set.write(data, whole)
    assert len(data_set.read(whole)) == 20 and len(data_set.read(whole).first(5).actions) == 5
    about = json.loads((whole / "about.json").read_text())
    (whole / "about.json").write_text(json.dumps({**about, "actions": "guess"}))
    with pytest.raises(ConfigError, match="actions is 'guess'; known: categorical"):
        data_set.read(whole)
    (whole / "data.npz").write_bytes((whole / "data.npz").read_bytes()[:300])
    (whole / "about.json").write_text(json.dumps(about))
    with pytest.raises(ConfigError, match=r"data\.npz is damaged"):
        data_set.read(whole)
