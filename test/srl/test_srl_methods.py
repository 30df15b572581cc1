"""Methods: every name works on discrete and continuous actions, sums and splits mean what they say, cameras go together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from toy_worlds import dot_on_a_line

from srl_ros.config import TrainingConfig
from srl_ros.dataset import Dataset, DatasetError
from srl_ros.encoder import Encoder, EncoderError
from srl_ros.losses import prediction
from srl_ros.methods import KINDS, LOSSES, METHODS, Loss, encoded, parse_losses, split_size
from srl_ros.networks import NETWORKS, StateNetwork
from srl_ros.objectives import OBJECTIVES
from srl_ros.training import loop, train
from srl_ros.training.batches import facts_of, reward_edges, to_batch
from srl_ros.training.learner import Learner, check_source, needs_of

TOOLBOX = (
    *(
        "raw_pixels",
        "ground_truth",
        "joints",
        "joints_position",
        "robotic_priors",
        "inverse",
        "forward",
        "multi_view_srl",
    ),
    *(
        "srl_combination",
        "supervised",
        "autoencoder",
        "autoencoder_inverse",
        "autoencoder_reward",
        "autoencoder_forward",
    ),
    *("random", "random_inverse", "reward_inverse", "reward", "srl_splits", "srl_split_forward", "srl_3_splits", "vae"),
    *("dae", "pca"),
)


@pytest.fixture(scope="module", params=["discrete", "continuous"])
def world(request: pytest.FixtureRequest) -> Dataset:
    return dot_on_a_line(24, cameras=2, discrete=request.param == "discrete")


def config_of(method: str, **settings: object) -> TrainingConfig:
    return TrainingConfig(method=method, feature_points=2, truth_names=("target_x",), **settings)  # type: ignore[arg-type]


def learner_of(world: Dataset, config: TrainingConfig) -> tuple[Learner, object]:
    check_source(world, config)
    facts = facts_of(world, np.arange(len(world)), config, needs_of(config))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        learner = Learner(world, config, facts)
    return learner, to_batch(world.gather(np.arange(len(world))), facts, torch.device("cpu"))


def test_the_toolboxs_names_are_all_there() -> None:
    assert len(TOOLBOX) == 24 and set(TOOLBOX) <= set(METHODS)
    assert {name: METHODS[name].observation for name in TOOLBOX if METHODS[name].observation} == {
        name: name for name in ("raw_pixels", "ground_truth", "joints", "joints_position")
    }
    assert set(OBJECTIVES) == set(LOSSES) and set(NETWORKS) == set(KINDS)


ELSEWHERE = ("pretrained", "reward_place")
"""Methods that this world does not suffice for: test_srl_encoder and test_reward_places train them."""


@pytest.mark.parametrize("method", [name for name in encoded() if name not in ELSEWHERE])
def test_every_method_has_a_finite_loss_whose_gradient_reaches_the_network(method: str, world: Dataset) -> None:
    config = config_of(method)
    learner, batch = learner_of(world, config)
    if not learner.trains:
        assert method in ("random", "pca")
        return
    loss = learner.train().loss(batch)  # type: ignore[arg-type]
    loss.backward()
    learner.after_step()
    moved = [one for one in learner.network.parameters() if one.grad is not None and one.grad.abs().sum() > 0]
    assert torch.isfinite(loss) and moved
    assert config.outputs in (0, learner.network.state_dim)


def test_epochs_of_an_estimate_are_compared_by_its_plain_likelihood(world: Dataset) -> None:
    """The weighted loss of the training comes nearer to 0 with better estimates: its least value is of an early epoch."""
    learner, batch = learner_of(world, config_of("target_estimate"))
    state = learner.network.raw(batch.images)  # type: ignore[attr-defined]
    estimate = state[:, :1], state[:, 1:].clamp(-5.0, 1.0), batch.truth  # type: ignore[attr-defined]
    plain, weighted = (prediction.estimate(*estimate, beta=beta).item() for beta in (0.0, 0.5))
    assert abs(plain - weighted) > 1e-3
    assert learner.eval().loss(batch).item() == pytest.approx(plain, rel=1e-5)  # type: ignore[arg-type]
    assert learner.train().loss(batch).item() == pytest.approx(weighted, rel=1e-5)  # type: ignore[arg-type]


@pytest.mark.parametrize("network", [name for name in KINDS if name != "efficientnet_lite0"])
def test_every_network_encodes_two_cameras_and_is_read_again(network: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    made = StateNetwork(16, 32, points=2, outputs=5, cameras=2, kind=network)
    images = np.random.default_rng(0).integers(0, 256, (3, 2, 16, 32, 3), dtype=np.uint8)
    first = Encoder(made, (16, 32, 3), "random", {}, {}, ("external", "above"), "d")
    first.save(tmp_path)
    second = Encoder.load(tmp_path)
    assert (second.id, second.cameras, second.state_dim) == (first.id, ("external", "above"), 5)
    states = [second.encode(image) for image in images]
    assert [state.tobytes() for state in states] == [first.encode(image).tobytes() for image in images]
    by_name = second.encode_images({"above": images[0, 1], "other": images[0, 0], "external": images[0, 0]})
    assert by_name.tobytes() == states[0].tobytes()
    assert not np.allclose(second.encode(images[0][::-1]), states[0])  # the order of cameras counts
    with pytest.raises(EncoderError, match="needs an image of above; there are external"):
        second.encode_images({"external": images[0, 0]})
    with pytest.raises(EncoderError, match=r"of camera above; .* set the camera to 32x16 rgb"):
        second.encode_images({"external": images[0, 0], "above": images[0, 1, :8]})


def test_a_split_gives_each_loss_values_of_its_own() -> None:
    losses = parse_losses("autoencoder:1:20 reward:1:-1 forward:1:60 inverse:5:20")
    assert losses == (
        Loss("autoencoder", 1.0, 0, 20),
        Loss("reward", 1.0, 0, 20),
        Loss("forward", 1.0, 20, 80),
        Loss("inverse", 5.0, 80, 100),
    )
    assert split_size(losses) == 100 and split_size(parse_losses("autoencoder inverse:2")) == 0
    world = dot_on_a_line(24)
    learner, batch = learner_of(world, config_of("autoencoder", losses="inverse:1:3 supervised:1:1"))
    assert learner.network.state_dim == 4
    for used, unused in (("loss_inverse", slice(3, 4)), ("loss_supervised", slice(0, 3))):
        learner.zero_grad()
        only = next(loss for loss in learner.losses if f"loss_{loss.name}" == used)
        learner.losses, kept = (only,), learner.losses
        learner.loss(batch).backward()  # type: ignore[arg-type]
        learner.losses = kept
        last = learner.network.head[2].weight.grad  # type: ignore[index, union-attr]
        assert last.abs().sum() > 0 and last[unused].abs().sum() == 0


def test_weights_of_a_sum_are_used() -> None:
    learner, batch = learner_of(dot_on_a_line(24), config_of("inverse", losses="inverse:2 reward:0.5"))
    both, alone = learner.losses, []
    with torch.no_grad():
        total = float(learner.loss(batch))  # type: ignore[arg-type]
        for one in both:
            learner.losses = (one._replace(weight=1.0),)
            alone.append(float(learner.loss(batch)))  # type: ignore[arg-type]
    assert total == pytest.approx(2.0 * alone[0] + 0.5 * alone[1], rel=1e-5)


def test_what_the_data_lack_is_named() -> None:
    images = Dataset(np.zeros((24, 16, 16, 3), np.uint8), np.zeros((24, 1)), ("target_x",))
    with pytest.raises(
        DatasetError, match="inverse needs next_images, action, which these data lack; they have ground"
    ):
        check_source(images, config_of("inverse"))
    with pytest.raises(
        DatasetError, match=r"loss triplet compares 2 cameras, and these images are of external alone; .*above"
    ):
        check_source(dot_on_a_line(24), config_of("triplet"))


def test_classes_of_rewards() -> None:
    assert reward_edges(np.array([0.0, 1.0, 1.0, -1.0])).tolist() == [-0.5, 0.5]
    edges = reward_edges(np.linspace(0.0, 3.0, 301))
    assert edges == pytest.approx([1.0, 2.0])


@pytest.mark.slow
@pytest.mark.resume
@pytest.mark.parametrize("method", ["autoencoder", "curl", "mrq"])
def test_a_training_that_was_killed_ends_with_the_same_bits(method: str, tmp_path: Path) -> None:
    world, config = dot_on_a_line(48), config_of(method, epochs=3)

    def killed(line: str) -> None:
        if line.startswith("epoch 3"):
            raise KeyboardInterrupt

    whole = train(world, config, tmp_path / "whole", lambda line: None, False)
    with pytest.raises(KeyboardInterrupt):
        train(world, config, tmp_path / "cut", killed, False)
    assert (tmp_path / "cut" / "training_state.pt").is_file() and not (tmp_path / "cut" / "encoder.json").exists()
    lines: list[str] = []
    resumed = train(world, config, tmp_path / "cut", lines.append, False)
    assert lines[0] == "continues after epoch 2 of 3, where it was interrupted" and lines[1].startswith("epoch 3 of 3")
    assert resumed.id == whole.id and not (tmp_path / "cut" / "training_state.pt").exists()


@pytest.mark.slow
def test_a_training_state_of_other_settings_or_cut_short_is_not_resumed(tmp_path: Path) -> None:
    world = dot_on_a_line(48)

    def killed(line: str) -> None:
        if line.startswith("epoch 2"):
            raise KeyboardInterrupt

    for spoil in (False, True):
        with pytest.raises(KeyboardInterrupt):
            train(world, config_of("inverse", epochs=2), tmp_path, killed, False)
        if spoil:
            state = tmp_path / "training_state.pt"
            state.write_bytes(state.read_bytes()[:1000])
        lines: list[str] = []
        train(world, config_of("inverse", epochs=2, seed=0 if spoil else 1), tmp_path, lines.append, False)
        assert lines[0].startswith("epoch 1 of 2")


@pytest.mark.slow
def test_training_ends_early_without_a_better_validation_loss(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    losses = iter([3.0, 2.0, 2.5, 2.6, 1.0])
    monkeypatch.setattr(loop, "mean_loss", lambda learner, batches: next(losses))
    lines: list[str] = []
    train(dot_on_a_line(24), config_of("inverse", epochs=9, patience=2), tmp_path, lines.append, False)
    assert lines[4] == "ends early: no better validation loss since epoch 2" and len(lines) == 6
