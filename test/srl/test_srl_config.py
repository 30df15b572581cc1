"""Settings of SRL training: the shipped files are complete, and invalid settings are named."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pytest
import yaml

from robot_interface_ros.config import ConfigError
from srl_ros.config import TrainingConfig
from srl_ros.methods import encoded

FOLDER = Path(__file__).resolve().parents[2] / "config" / "srl"


def test_the_shipped_file_shows_every_setting_at_its_default() -> None:
    values = yaml.safe_load((FOLDER / "default.yaml").read_text())
    assert list(values) == [field.name for field in dataclasses.fields(TrainingConfig) if field.name != "method"]
    assert TrainingConfig.of_method(FOLDER, "autoencoder") == TrainingConfig()
    for path in FOLDER.glob("*.yaml"):
        assert path.stem in ("default", *encoded())


def test_a_file_of_the_method_wins_over_the_defaults_and_overrides_over_both(tmp_path: Path) -> None:
    shutil.copy(FOLDER / "default.yaml", tmp_path)
    (tmp_path / "vae.yaml").write_text("epochs: 3\nbeta: 0.5\n")
    config = TrainingConfig.of_method(tmp_path, "vae", seed=7, beta=0.25, truth_names=["a", "b"])
    assert (config.method, config.seed, config.epochs, config.beta) == ("vae", 7, 3, 0.25)
    assert config.truth_names == ("a", "b") and TrainingConfig.of_method(tmp_path, "dae").epochs == 6


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "overrides, message",
    [
        ({"epoch": 3}, r"unknown setting 'epoch' \(did you mean epochs\?\); known: method, losses"),
        ({"method": "vea"}, "unknown method 'vea'.*did you mean vae.*known: autoencoder, supervised, .*random"),
        ({"method": "raw_pixels"}, "unknown method 'raw_pixels'"),
        ({"losses": "invers"}, "unknown loss 'invers' .did you mean inverse"),
        ({"losses": "inverse:x"}, "loss inverse:x: expected name, name:weight or name:weight:size"),
        ({"losses": "inverse:1:-1"}, "size -1 means the values of the loss before it"),
        ({"losses": "inverse:1:2 reward:1"}, "give every loss a size, or none"),
        ({"losses": "inverse inverse"}, "one loss stands twice"),
        ({"losses": "pca inverse"}, "pca is not trained by gradients"),
        ({"losses": "inverse:1:2", "state_dim": 3}, "the sizes of the losses add up to 2"),
        ({"network": "vgg"}, "network is 'vgg'; |unknown network 'vgg'"),
        ({"learning_rate": "fast"}, "learning_rate is 'fast'; expected a number"),
        ({"validation_share": 1.0}, "validation_share is 1.0; allowed: 0.01 to 0.9"),
        ({"truth_names": []}, "truth_names is .*; expected one name or more, each once"),
    ],
)
def test_what_is_not_allowed_is_named(overrides: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        TrainingConfig.load(FOLDER / "default.yaml", **overrides)
    assert "\n" not in str(caught.value)


@pytest.mark.bad_input
def test_checked_when_made_without_a_file_too() -> None:
    with pytest.raises(ConfigError, match="epochs is 0; allowed: 1 to 10000"):
        TrainingConfig(epochs=0)
    with pytest.raises(ConfigError, match="unknown method 'autoencode' .did you mean autoencoder"):
        dataclasses.replace(TrainingConfig(), method="autoencode")
