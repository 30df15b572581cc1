"""Losses: formulas by hand, and what a state learns from each in a small world whose truth is known.

A bound is one that the untrained network of the same size misses; `test_random_features_miss_the_bounds` holds that.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from toy_worlds import dot_on_a_line, hidden_dot, rotating_bar, two_dots

from robot_interface_ros.config import ConfigError
from srl_ros.config import TrainingConfig
from srl_ros.dataset import Dataset
from srl_ros.losses import contrastive, prediction, priors, reconstruction
from srl_ros.objectives.principal_components import principal_components
from srl_ros.training import evaluation, train

pytestmark = [pytest.mark.srl_losses, pytest.mark.slow]
WORLDS = {
    "line": lambda: dot_on_a_line(400),
    "two views": lambda: dot_on_a_line(400, cameras=2),
    "steps": lambda: dot_on_a_line(400, discrete=True),
    "bar": lambda: rotating_bar(400),
    "two dots": lambda: two_dots(400),
}
SMALL = {"network": "small_cnn", "state_dim": 2}
ONE = {"state_dim": 1}
CASES = [
    # world, method, settings, name of the truth, least |correlation| with a value of the state
    ("line", "autoencoder", {"epochs": 5}, "target_x", 0.98),
    ("line", "dae", {"epochs": 5}, "target_x", 0.98),
    ("line", "vae", {"epochs": 5}, "target_x", 0.98),
    ("line", "perceptual", {"epochs": 5}, "target_x", 0.98),
    ("line", "forward", SMALL, "target_x", 0.85),
    ("line", "curl", SMALL, "target_x", 0.8),
    ("line", "atc", SMALL, "target_x", 0.8),
    ("line", "mlr", SMALL, "target_x", 0.8),
    ("two views", "triplet", SMALL, "target_x", 0.7),
    ("steps", "inverse", ONE, "target_x", 0.9),
    ("steps", "robotic_priors", ONE, "target_x", 0.9),
    ("bar", "pca", {"state_dim": 2}, "target_y", 0.85),
    ("two dots", "inverse", ONE, "red", 0.85),
    ("two dots", "reward", ONE, "red", 0.8),
    ("two dots", "distillation", ONE, "red", 0.85),
    ("two dots", "vicreg", ONE, "red", 0.9),
    ("two dots", "robotic_priors", ONE, "red", 0.9),
    ("two dots", "reward_prior", ONE, "red", 0.9),
    ("two dots", "supervised", {**ONE, "truth_names": ("red",)}, "red", 0.9),
    ("line", "mrq", {"epochs": 12}, "target_x", 0.92),
    ("two dots", "episode_prior", {}, "red", 0.9),
]


@pytest.fixture(scope="module")
def worlds() -> dict[str, Dataset]:
    return {name: make() for name, make in WORLDS.items()}


def correlation(world: Dataset, method: str, settings: dict, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict:
    """The largest |correlation| of each truth with a value of the state, on unseen images."""
    monkeypatch.setattr(evaluation, "probe", lambda fitted, truth, states: np.zeros((len(states), truth.shape[1])))
    values = {"feature_points": 2, "truth_names": world.names, "epochs": 8, "learning_rate": 0.005, **settings}
    config = TrainingConfig(method=method, **values)  # type: ignore[arg-type]
    found: dict[str, float] = train(world, config, folder, lambda line: None, pictures=False).metrics["gtc"]
    return found


@pytest.mark.parametrize(
    "world, method, settings, name, least", CASES, ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_loss_learns_what_is_known(
    world: str,
    method: str,
    settings: dict,
    name: str,
    least: float,
    worlds: dict[str, Dataset],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = correlation(worlds[world], method, settings, tmp_path, monkeypatch)
    assert found[name] > least
    if world == "two dots":
        assert found["green"] < 0.4  # what neither action nor reward is about is not in the state


def test_random_features_miss_the_bounds(
    worlds: dict[str, Dataset], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for world, _, settings, name, least in CASES:
        found = correlation(worlds[world], "random", {**settings, "epochs": 1}, tmp_path, monkeypatch)
        assert found[name] < least, (world, settings)


def test_reconstruction_weighs_pixels() -> None:
    drawn, wanted = torch.zeros(1, 3, 1, 2), torch.tensor([[[[3.0, 0.0]], [[0.0, 0.0]], [[0.0, 1.0]]]])
    # the first pixel is wrong by 9 / 3, the second by 1 / 3; weights 2 and 0.5
    assert float(reconstruction.reconstruction(drawn, wanted, torch.tensor([[[2.0, 0.5]]]))) == pytest.approx(
        (2 * 3 + 0.5 / 3) / 2
    )


def test_kl_divergence_by_hand() -> None:
    mean, log_variance = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, math.log(4.0)]])
    # N(1, 1): 1/2; N(0, 4): (4 - 1 - log 4) / 2
    assert float(reconstruction.kl_to_normal(mean, log_variance)) == pytest.approx(0.5 + (3 - math.log(4.0)) / 2)


def test_a_blank_rectangle_is_at_most_half_as_wide_and_high() -> None:
    images = torch.full((200, 1, 16, 24, 3), 200, dtype=torch.uint8)
    blank = (reconstruction.blank_rectangles(images, torch.Generator().manual_seed(0)) == 127)[..., 0][:, 0]
    heights, widths = blank.any(2).sum(1), blank.any(1).sum(1)
    assert (blank.sum((1, 2)) == heights * widths).all()
    assert heights.min() == 1 and heights.max() == 8 and widths.min() == 1 and widths.max() == 12


def test_a_shift_moves_each_image_as_a_whole() -> None:
    images = torch.arange(8 * 8).reshape(1, 1, 8, 8, 1).expand(50, 2, 8, 8, 3).to(torch.uint8)
    shifted = contrastive.random_shift(images, 2, torch.Generator().manual_seed(0))
    assert shifted.shape == images.shape and (shifted[:, 0] == shifted[:, 1]).all()
    corner = shifted[:, 0, 3, 3, 0].int() - 27
    assert (
        set(corner.tolist()) <= {8 * dy + dx for dy in range(-2, 3) for dx in range(-2, 3)}
        and len(set(corner.tolist())) > 9
    )


def test_masks_cover_both_moments_and_half_of_the_patches() -> None:
    images = torch.full((100, 1, 16, 16, 3), 200, dtype=torch.uint8)
    first, second = contrastive.masked_cubes(images, images + 1, 8, 0.5, torch.Generator().manual_seed(0))
    masked = first[..., 0] == 127
    assert (masked == (second[..., 0] == 127)).all() and masked.float().mean() == pytest.approx(0.5, abs=0.03)
    patches = masked.reshape(100, 8, 2, 8, 2)
    assert (patches.all(4).all(2) == patches.any(4).any(2)).all()


def test_contrastive_losses_by_hand() -> None:
    same = torch.eye(2) * 10.0
    assert float(contrastive.info_nce(same, same, torch.eye(2))) == pytest.approx(0.0, abs=1e-6)
    assert float(contrastive.info_nce(same, same.flip(0), torch.eye(2))) == pytest.approx(100.0)
    a, p, n = torch.tensor([[0.0]]), torch.tensor([[1.0]]), torch.tensor([[2.0]])
    assert float(contrastive.triplet(a, p, n)) == 0.0 and float(contrastive.triplet(a, n, p)) == pytest.approx(3.2)
    assert float(contrastive.negative_cosine(p, n)) == pytest.approx(0.0) and float(
        contrastive.negative_cosine(p, -n)
    ) == pytest.approx(4.0)


def test_priors_by_hand() -> None:
    first, second = torch.tensor([[0.0], [1.0]]), torch.tensor([[0.0], [3.0]])
    assert float(priors.temporal_coherence(second - first)) == 2.0
    assert float(priors.causality(first, second)) == pytest.approx((1 + math.exp(-4)) / 2)
    assert float(priors.proportionality(first, second)) == 2.0
    # alike: 1 and exp(-4); squared difference of the changes: 1 and 4
    assert float(priors.repeatability(first, second, first + 1, second * 0)) == pytest.approx(
        (1 + 4 * math.exp(-4)) / 2
    )
    assert float(priors.causality(first[:0], second[:0])) == 0.0  # no pair
    assert float(
        priors.reward_prior(torch.tensor([[1.0], [2.0], [3.0]]), torch.tensor([-2.0, -4.0, -6.0]))
    ) == pytest.approx(math.exp(-1), rel=1e-4)
    value = torch.ones(2, requires_grad=True)
    priors.reversed_gradient(value).sum().backward()
    assert value.grad is not None and value.grad.tolist() == [-1.0, -1.0]


def test_predictions_by_hand() -> None:
    bins = torch.tensor([0.0, 1.0, 3.0])
    assert prediction.two_hot(torch.tensor([0.25, 2.0, 9.0]), bins).tolist() == [
        [0.75, 0.25, 0],
        [0, 0.5, 0.5],
        [0, 0, 1],
    ]
    following = torch.tensor([[0.0, 5.0], [2.0, 5.0]])  # variance 1 and 0
    assert float(prediction.forward(following + torch.tensor([[1.0, 0.0]]), following)) == pytest.approx(1.0, rel=1e-4)
    assert float(prediction.forward(100 * following + 100.0, 100 * following)) == pytest.approx(
        2.0, rel=1e-4
    )  # no unit
    assert float(prediction.variance(torch.tensor([[0.0, -1.0], [0.0, 1.0]]))) == pytest.approx(
        (1 - 0.01) / 2, abs=1e-3
    )
    assert float(prediction.covariance(torch.tensor([[1.0, 1.0], [-1.0, -1.0]]))) == pytest.approx(4.0)
    teacher = torch.tensor([[0.5, 0.5]])
    assert float(prediction.action_kl(torch.zeros(1, 2), teacher)) == pytest.approx(0.0, abs=1e-6)
    student = torch.tensor([[math.log(3.0), 0.0]])  # 3/4, 1/4
    assert float(prediction.action_kl(student, teacher)) == pytest.approx(
        0.5 * math.log(2 / 3) + 0.5 * math.log(2), rel=1e-5
    )
    assert float(prediction.action_means(torch.tensor([[1.0, 2.0]]), torch.zeros(1, 2))) == 2.5


def test_principal_components_in_parts_are_those_of_all() -> None:
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(300, 20, generator=generator) @ torch.diag(torch.linspace(6.0, 0.5, 20)) + 3.0
    mean, components = principal_components(iter(values.split(90)), 4)
    _, _, axes = torch.linalg.svd(values - values.mean(0), full_matrices=False)
    torch.testing.assert_close(mean, values.mean(0), rtol=1e-4, atol=1e-4)
    cosines = (components * axes[:4]).sum(1).abs()
    assert cosines.min() > 0.98 and torch.allclose(components.norm(dim=1), torch.ones(4), atol=1e-5)


def test_an_estimate_tells_how_certain_it_is(tmp_path: Path) -> None:
    """The state is in the units of the truth, and uncertain where a curtain hides the dot: there the best guess is the mean."""
    world = hidden_dot(800)
    config = TrainingConfig(method="target_estimate", truth_names=("target_x",), epochs=20)
    encoder = train(world, config, tmp_path, lambda line: None, pictures=False)
    assert encoder.estimates == ("target_x",) and encoder.state_dim == 2
    assert type(encoder).load(tmp_path).estimates == ("target_x",)
    unseen = hidden_dot(400, seed=1)
    states = encoder.encode_batch(unseen.images)
    hidden = (unseen.images[:, 0, 8, 8] == 60).all(axis=1) & (unseen.images[:, 0, 0, 0] == 60).all(axis=1)
    error, deviation = np.abs(states[:, 0] - unseen.ground_truth[:, 0]), np.exp(states[:, 1])
    assert np.median(error[~hidden]) < 0.06 and np.median(deviation[~hidden]) < 0.12
    assert 0.3 < np.median(deviation[hidden]) < 0.65  # of a uniform distribution over [-0.8, 0.8]: 0.46
    assert (error < 2.0 * deviation).mean() > 0.85


def test_the_loss_of_an_estimate_by_hand() -> None:
    mean, log_std, truth = torch.tensor([[1.0]]), torch.tensor([[math.log(2.0)]]), torch.tensor([[5.0]])
    assert prediction.estimate(mean, log_std, truth, beta=0.0).item() == pytest.approx(2.0 + math.log(2.0))
    assert prediction.estimate(mean, log_std, truth).item() == pytest.approx(2.0 * (2.0 + math.log(2.0)))


@pytest.mark.bad_input
def test_an_estimate_is_a_state_of_its_own(tmp_path: Path) -> None:
    for given in ({"losses": "estimate:1 autoencoder:1"}, {"losses": "estimate:1", "method": "autoencoder"}):
        config = TrainingConfig(**{"method": "target_estimate", "truth_names": ("target_x",), **given, "state_dim": 5})
        with pytest.raises(
            ConfigError, match=r"loss estimate needs a state of its own with 2 values.*leave state_dim out"
        ):
            train(hidden_dot(200), config, tmp_path, lambda line: None, pictures=False)
