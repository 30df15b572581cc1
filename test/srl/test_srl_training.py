"""Training of encoders: it learns the position of a small target, and a seed repeats it bit for bit."""

from __future__ import annotations

import csv
import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from srl_ros.config import TrainingConfig
from srl_ros.dataset import Dataset, DatasetError
from srl_ros.encoder import Encoder
from srl_ros.networks import StateNetwork
from srl_ros.training import TrainingError, loop, train
from srl_ros.training.evaluation import thinned
from srl_ros.transitions import split_by_episode

NAMES = ("target_x", "target_y", "depth")
CONFIG = TrainingConfig(truth_names=NAMES, epochs=4, learning_rate=0.003)
PICTURES = ("loss", "reconstructions", "states", "neighbours", "correlations")
OURS = ("autoencoder", "supervised", "random")
pytestmark = [pytest.mark.xdist_group("srl_training"), pytest.mark.slow, pytest.mark.timeout(600)]


def scenes(count: int, size: int = 64, seed: int = 0) -> Dataset:
    """Return images of a grey room, an arm of two links, and a red ball with radius 2 to 4 pixels (at 64), smaller at distance.

    Ground truth: position of the ball in pixels, and its depth.
    """
    generator = np.random.default_rng(seed)
    scale = size / 64
    v, u = np.mgrid[0:size, 0:size].astype(np.float64)
    room = np.repeat(np.where(v < 0.7 * size, 150.0 + 40.0 * v / size, 105.0)[..., None], 3, axis=2)
    images, truth = np.empty((count, size, size, 3), np.uint8), np.empty((count, 3))
    for image, row in zip(images, truth):
        image[:] = room
        shoulder, elbow = generator.uniform(-1.2, 1.2), generator.uniform(-2.0, 2.0)
        joint = np.array([32.0, 58.0]) * scale
        for angle, length, radius, level in ((shoulder, 24, 3.5, 225), (shoulder + elbow, 20, 2.5, 60)):
            link = length * scale * np.array([np.sin(angle), -np.cos(angle)])
            along = np.clip(((u - joint[0]) * link[0] + (v - joint[1]) * link[1]) / (link @ link), 0.0, 1.0)
            image[np.hypot(u - joint[0] - along * link[0], v - joint[1] - along * link[1]) < radius * scale] = level
            joint = joint + link
        depth = generator.uniform(1.0, 2.0)
        x, y = generator.uniform(5 * scale, size - 6 * scale, 2)
        image[np.hypot(u - x, v - y) < 4.0 * scale / depth] = (200, 35, 30)
        row[:] = x, y, depth
    return Dataset(images, truth, NAMES)


@pytest.fixture(scope="module")
def pictures() -> Dataset:
    return scenes(1200)


def silent(line: str) -> None:
    """Report nothing."""


def with_method(method: str, **values: object) -> TrainingConfig:
    return TrainingConfig(**{**vars(CONFIG), "method": method, **values})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def encoders(pictures: Dataset, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Encoder]:
    folder = tmp_path_factory.mktemp("srl")
    return {name: train(pictures, with_method(name), folder / name, silent, False) for name in OURS}


def test_the_autoencoders_state_knows_where_the_target_is(encoders: dict[str, Encoder]) -> None:
    learned, random = (encoders[name].metrics["linear_r2"] for name in ("autoencoder", "random"))
    assert learned["target_x"] > 0.98 and learned["target_y"] > 0.98 and learned["depth"] > 0.9
    for name in NAMES:  # at most half of what the random features leave unexplained
        assert 1.0 - learned[name] < 0.5 * (1.0 - random[name])
    assert encoders["autoencoder"].metrics["knn_mse"] < 0.5 * encoders["random"].metrics["knn_mse"]
    assert encoders["autoencoder"].metrics["gtc_mean"] > encoders["random"].metrics["gtc_mean"]


def test_supervised_learns_the_target_itself(encoders: dict[str, Encoder]) -> None:
    encoder = encoders["supervised"]
    assert encoder.state_dim == 3
    assert min(encoder.metrics["gtc"][name] for name in ("target_x", "target_y")) > 0.97
    unseen = scenes(200, seed=9)
    states = encoder.encode_batch(unseen.images)
    correlation = np.corrcoef(states.T, unseen.ground_truth.T)[:3, 3:]
    assert (np.diag(correlation) > 0.85).all()  # each value is its own column, the right way round


def test_states_of_unseen_images_have_a_sane_scale(encoders: dict[str, Encoder]) -> None:
    unseen = scenes(200, seed=9)
    for name, encoder in encoders.items():
        states = encoder.encode_batch(unseen.images)
        assert np.abs(states).max() < 15.0 and 0.5 < np.median(states.std(0)) < 1.5, name


def test_the_best_validation_is_kept_and_everything_is_written(tmp_path: Path) -> None:
    lines: list[str] = []
    folder = tmp_path / "new" / "autoencoder"
    encoder = train(scenes(100, size=32), with_method("autoencoder", epochs=3), folder, lines.append)
    assert len(lines) == 4 and lines[1].startswith("epoch 2 of 3: loss ") and lines[1].endswith(" s left")
    assert "GTC target_x" in lines[3] and "KNN-MSE" in lines[3]
    with (folder / "progress.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert float(rows[2]["training_loss"]) < float(rows[0]["training_loss"])
    assert all((folder / f"{name}.png").read_bytes()[:4] == b"\x89PNG" for name in PICTURES)
    values = json.loads((folder / "encoder.json").read_text())
    assert values["config"]["epochs"] == 3 and values["metrics"] == encoder.metrics and values["id"] == encoder.id
    assert Encoder.load(folder).config == encoder.config


def test_an_epoch_that_does_harm_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset, config = scenes(60, size=32), with_method("autoencoder", epochs=3)
    validations = iter([3.0, 1.0, 2.0])
    monkeypatch.setattr(loop, "mean_loss", lambda method, part: next(validations))
    kept = train(dataset, config, tmp_path / "a", silent, False).id
    validations = iter([3.0, 2.0, 1.0])
    assert train(dataset, config, tmp_path / "b", silent, False).id != kept
    validations = iter([3.0, 0.5, 0.5])  # of equals the first
    assert train(dataset, config, tmp_path / "c", silent, False).id == kept


@pytest.mark.parametrize("method", OURS)
def test_a_seed_repeats_bit_for_bit(method: str, tmp_path: Path) -> None:
    dataset = scenes(60, size=32)
    torch.manual_seed(11)
    first = train(dataset, with_method(method, epochs=2), tmp_path / "a", silent, False)
    torch.manual_seed(12)  # nor does what was drawn before matter
    second = train(dataset, with_method(method, epochs=2), tmp_path / "b", silent, False)
    assert first.id == second.id
    assert {**first.metrics, "minutes": 0} == {**second.metrics, "minutes": 0}
    assert first.encode(dataset.images[0]).tobytes() == second.encode(dataset.images[0]).tobytes()
    assert train(dataset, with_method(method, epochs=2, seed=1), tmp_path / "c", silent, False).id != first.id


def test_torch_is_left_as_it_was(tmp_path: Path) -> None:
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    threads = torch.get_num_threads()
    train(scenes(40, size=32), with_method("autoencoder", epochs=1, torch_threads=threads + 1), tmp_path, silent)
    assert torch.rand(1) == expected and torch.get_num_threads() == threads


def test_states_of_all_images_are_computed_without_gradients(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With gradients torch keeps what each layer made of each image: 4 GB of 16,000 images of two cameras."""
    kept: list[bool] = []
    standardise = StateNetwork.standardise_on

    def watched(network: StateNetwork, states: torch.Tensor) -> None:
        kept.append(states.requires_grad)
        standardise(network, states)

    monkeypatch.setattr(StateNetwork, "standardise_on", watched)
    train(scenes(40, size=32), with_method("autoencoder", epochs=1), tmp_path, silent, pictures=False)
    assert kept == [False]


def test_a_long_pass_over_the_images_reports_its_progress(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A method without epochs, such as a pretrained network, would be silent for minutes."""
    monkeypatch.setattr(loop, "SILENT_S", 0.0)
    lines: list[str] = []
    train(scenes(40, size=32), with_method("pca"), tmp_path, lines.append, pictures=False)
    assert lines[0] == "encoded 32 of 32 moments, 0 s left"


def test_a_method_without_epochs_looks_at_as_many_images_as_the_figures_need(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pretrained network takes 30 ms an image: all images, twice, would take most of an hour."""
    monkeypatch.setattr(loop, "SILENT_S", 0.0)
    monkeypatch.setattr(loop, "thinned", partial(thinned, most=24))
    lines: list[str] = []
    train(scenes(60, size=32), with_method("pca"), tmp_path, lines.append, pictures=False)
    assert [line.split(",")[0] for line in lines[:2]] == ["encoded 17 of 17 moments"] * 2  # every third of 50


def test_the_split_holds_out_whole_episodes() -> None:
    count = 500
    episodes = Dataset(np.zeros((count, 16, 16, 3), np.uint8), np.zeros((count, 1)), ("index",)).episodes
    training, validation = split_by_episode(episodes, 0.2, np.random.default_rng(0))
    assert len(validation) == 100 and sorted([*training, *validation]) == list(range(count))
    assert set(validation // 10) & set(training // 10) == set()  # episodes not known: 50 stretches of 10
    again = split_by_episode(episodes, 0.2, np.random.default_rng(0))[1]
    other = split_by_episode(episodes, 0.2, np.random.default_rng(1))[1]
    assert np.array_equal(validation, again) and not np.array_equal(validation, other)
    with pytest.raises(DatasetError, match="1 episode cannot be split"):
        split_by_episode(np.zeros(30, np.int64), 0.2, np.random.default_rng(0))


@pytest.mark.bad_input
def test_what_cannot_be_trained_on_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="10 images are too few to learn from; record at least 20"):
        train(scenes(10, size=32), CONFIG, tmp_path, silent)
    odd = Dataset(np.zeros((30, 30, 32, 3), np.uint8), np.zeros((30, 1)), ("depth",))
    with pytest.raises(DatasetError, match="images are 32x30 pixels"):
        train(odd, CONFIG, tmp_path, silent)
    with pytest.raises(
        DatasetError, match="no ground truth 'target_q' in this dataset; known: target_x, target_y, depth"
    ):
        train(scenes(30, size=32), with_method("supervised", truth_names=("target_q",)), tmp_path, silent)
    assert not (tmp_path / "encoder.json").exists()


@pytest.mark.bad_input
def test_a_loss_that_is_not_finite_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "mean_loss", lambda method, part: float("nan"))
    with pytest.raises(TrainingError, match="not finite in epoch 1; lower learning_rate .it is 0.003"):
        train(scenes(40, size=32), CONFIG, tmp_path, silent)
    assert not (tmp_path / "encoder.json").exists()
