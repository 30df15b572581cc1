"""Losses of other packages that are wrong: one line that names them, before anything is recorded, and nothing is saved."""

from __future__ import annotations

import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch

from robot_interface_ros.config import ConfigError
from srl_ros.config import TrainingConfig
from srl_ros.dataset import Dataset
from srl_ros.encoder import Encoder
from srl_ros.methods import METHODS, Method, check_method
from srl_ros.objectives import Encoded, Objective, Setup
from srl_ros.training import TrainingError, loop, train
from srl_ros.training.check import check_training
from srl_ros.training.comparison import row_of
from srl_ros.training.loop import steps_of
from srl_ros.transitions import DatasetError, split_by_episode


class Vector(Objective):
    def forward(self, encoded: Encoded) -> torch.Tensor:
        return encoded.state.square().mean(dim=1)


class Detached(Objective):
    def forward(self, encoded: Encoded) -> torch.Tensor:
        return encoded.state.square().mean().detach()


class Raising(Objective):
    def forward(self, encoded: Encoded) -> torch.Tensor:
        raise KeyError("grasp")


class Unmade(Objective):
    def __init__(self, setup: Setup):
        raise RuntimeError("two\nlines")


class NoNumber(Objective):
    def forward(self, encoded: Encoded) -> torch.Tensor:
        return None  # type: ignore[return-value]


class Drawing(Objective):
    def forward(self, encoded: Encoded) -> torch.Tensor:
        return encoded.state.square().mean()

    def draw(self, encoded: Encoded) -> torch.Tensor:
        return torch.zeros(3)


class NotFinite(Objective):
    def forward(self, encoded: Encoded) -> torch.Tensor:
        return encoded.state.mean() * float("nan")


WRONG = {
    Vector: r"loss mine gives a tensor of shape \(8,\); expected a tensor of one number",
    Detached: "do not depend on what is trained",
    Raising: r"loss mine of own_losses:Raising fails: KeyError: 'grasp' \(test_own_losses.py, line \d+\)",
    Unmade: "loss mine of own_losses:Unmade cannot be made: RuntimeError: two lines",
    NoNumber: "loss mine gives None",
    Drawing: r"draw of loss mine gives \(3,\); expected a tensor of shape \(8, 1, 64, 64, 3\)",
}


def method_of(kind: type[Objective], monkeypatch: pytest.MonkeyPatch, losses: str = "mine:1") -> TrainingConfig:
    module = types.ModuleType("own_losses")
    setattr(module, kind.__name__, kind)
    monkeypatch.setitem(sys.modules, "own_losses", module)
    method = Method("of a test", losses, own_losses={"mine": f"own_losses:{kind.__name__}"})
    monkeypatch.setitem(METHODS.ours, "own", method)
    return TrainingConfig(method="own", epochs=1, device="cpu")


def images(n: int = 24, episodes: int = 6) -> Dataset:
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 256, (n, 32, 32, 3), dtype=np.uint8)
    return Dataset(pixels, generator.normal(size=(n, 1)), ("depth",), episode=np.arange(n) * episodes // n)


@pytest.mark.bad_input
@pytest.mark.parametrize("kind", WRONG)
def test_a_wrong_loss_is_told_before_images_are_recorded(
    kind: type[Objective], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ValueError, match=WRONG[kind]) as error:
        check_training(method_of(kind, monkeypatch), ("external",))
    assert "\n" not in str(error.value)


@pytest.mark.bad_input
def test_the_loss_that_is_not_finite_is_named_among_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = method_of(NotFinite, monkeypatch, "l2:1 mine:1")
    with pytest.raises(TrainingError, match=r"not finite in epoch 1 \(mine\); lower learning_rate") as error:
        train(images(), config, tmp_path, lambda line: None)
    assert isinstance(error.value, ValueError) and not (tmp_path / "encoder.json").exists()  # so one line, no traceback


@pytest.mark.bad_input
def test_a_part_of_one_image_is_refused_before_the_training() -> None:
    with pytest.raises(DatasetError, match="one of the two would have 1 image; record more episodes"):
        split_by_episode(np.array([0, *[1] * 20]), 0.5, np.random.default_rng(0))


def test_no_batch_has_a_single_row() -> None:
    for rows in range(2, 40):
        for size in range(2, 12):
            parts = np.array_split(np.arange(rows), steps_of(rows, size))
            assert min(map(len, parts)) >= 2 and max(map(len, parts)) <= size + 1
    assert steps_of(8000, 32) == 250 and steps_of(65, 32) == 3


def test_figures_that_overflow_do_not_cost_the_encoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "evaluate", lambda *_: {"validation_images": 4, "reward_accuracy": float("nan")})
    train(images(), TrainingConfig(method="random", device="cpu"), tmp_path, lambda line: None, pictures=False)
    encoder = Encoder.load(tmp_path)
    assert encoder.metrics["reward_accuracy"] is None
    assert row_of(encoder, encoder.metrics)["reward_accuracy"] == ""
    assert row_of(encoder, {"target": 7, "hand": [], "gtc": 3, "minutes": {}})["encoder"] == encoder.id


@pytest.mark.bad_input
def test_cameras_that_are_named_twice_and_losses_of_blanks() -> None:
    with pytest.raises(ConfigError, match="cameras are external, external; name each once"):
        check_training(TrainingConfig(), ("external", "external"))
    assert TrainingConfig(losses="  ").all_losses == TrainingConfig().all_losses


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("told", "fields"),
    [
        ("its summary is None", {"summary": None}),
        ("its losses is \\['l2:1'\\]; expected a text", {"losses": ["l2:1"]}),
        ("unknown loss 'mime'", {"losses": "mime:1"}),
        ("unknown network 'small_cn'", {"network": "small_cn"}),
        ("its state_dim is -5", {"state_dim": -5}),
        ("expected a tuple of names", {"cameras": "external"}),
        ("expected a mapping of names to 'module:Class'", {"own_losses": "own_losses:Vector"}),
        ("expected a mapping of names to 'module:Class'", {"own_losses": {"mine": Vector}}),
        ("the name of a loss of this package: autoencoder", {"own_losses": {"autoencoder": "own_losses:Vector"}}),
        ("its observation must be empty", {"observation": "ground_truth"}),
    ],
)
def test_a_method_of_another_package_is_checked_whole(told: str, fields: dict[str, object]) -> None:
    with pytest.raises((TypeError, ConfigError), match=told):
        check_method(Method(**{"summary": "of a test", "losses": "l2:1", **fields}))  # type: ignore[arg-type]


def test_methods_of_this_package_pass_their_check() -> None:
    for method in METHODS.ours.values():
        if not method.observation:
            check_method(method)
