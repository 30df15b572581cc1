"""Settings of SRL training: the shipped files are whole, and what is not allowed is named."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import yaml

from robot_interface_ros.config import ConfigError
from srl_ros.config import TrainingConfig
from srl_ros.methods import METHODS

FOLDER = Path(__file__).resolve().parents[2] / "config" / "srl"


def test_every_method_has_a_file_and_every_file_every_setting() -> None:
    files = {path.stem: path for path in FOLDER.glob("*.yaml")}
    assert set(files) == set(METHODS)
    for method, path in files.items():
        assert list(yaml.safe_load(path.read_text())) == [field.name for field in dataclasses.fields(TrainingConfig)]
        assert TrainingConfig.load(path).method == method
    assert TrainingConfig.load(files["autoencoder"]) == TrainingConfig()


def test_overrides_win() -> None:
    config = TrainingConfig.load(FOLDER / "random.yaml", seed=7, truth_names=["a", "b"])
    assert (config.method, config.seed, config.truth_names) == ("random", 7, ("a", "b"))


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "overrides, message",
    [
        ({"epoch": 3}, r"unknown setting 'epoch' \(did you mean epochs\?\); known: method, feature_points"),
        ({"method": "vae"}, "unknown method 'vae'.*known: autoencoder, supervised, random"),
        ({"learning_rate": "fast"}, "learning_rate is 'fast'; expected a number"),
        ({"validation_share": 1.0}, "validation_share is 1.0; allowed: 0.01 to 0.9"),
        ({"truth_names": []}, "truth_names is .*; expected one name or more, each once"),
    ],
)
def test_what_is_not_allowed_is_named(overrides: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        TrainingConfig.load(FOLDER / "autoencoder.yaml", **overrides)
    assert "\n" not in str(caught.value)


@pytest.mark.bad_input
def test_checked_when_made_without_a_file_too() -> None:
    with pytest.raises(ConfigError, match="epochs is 0; allowed: 1 to 10000"):
        TrainingConfig(epochs=0)
    with pytest.raises(ConfigError, match="unknown method 'autoencode' .did you mean autoencoder"):
        dataclasses.replace(TrainingConfig(), method="autoencode")
