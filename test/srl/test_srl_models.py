"""Networks: points lie where the map is active, sizes grow with the area, colours are white."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from srl_ros.networks import StateNetwork, check_image_size
from srl_ros.networks.colours import Colours, lay_out
from srl_ros.networks.feature_points import FeaturePoints, PointDecoder
from srl_ros.objectives.drawing import colour_index, colour_weights


def points_of(maps: torch.Tensor) -> torch.Tensor:
    """Return the points of maps `(1, k, h, w)`, for an image four times as large."""
    _, count, height, width = maps.shape
    network = FeaturePoints(4 * height, 4 * width, count)

    class Given(nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return maps

    network.layers = Given()  # type: ignore[assignment]
    return network(torch.zeros(1, 4 * height, 4 * width, 3, dtype=torch.uint8))[0]


def test_a_point_lies_where_its_map_is_active() -> None:
    maps = torch.zeros(1, 2, 8, 16)
    maps[0, 0, 1, 12] = 50.0  # column 12 of 16, row 1 of 8
    maps[0, 1, 7, 0] = maps[0, 1, 7, 1] = 50.0  # between columns 0 and 1
    x0, y0, x1, y1, *_ = points_of(maps).tolist()
    assert (x0, y0) == pytest.approx((12.5 / 8 - 1, 1.5 / 4 - 1), abs=1e-5)
    assert (x1, y1) == pytest.approx((1.0 / 8 - 1, 7.5 / 4 - 1), abs=1e-5)


def test_a_size_grows_with_the_logarithm_of_the_area() -> None:
    maps = torch.zeros(1, 3, 16, 16)
    maps[0, 0, 3:5, 3:5] = 20.0
    maps[0, 1, 3:7, 3:7] = 20.0  # four times the area, a place elsewhere
    small, large, none = points_of(maps)[6:].tolist()
    assert large - small == pytest.approx(math.log(4.0), abs=1e-3)
    assert none == pytest.approx(0.0, abs=1e-5)


def test_whitened_colours_have_no_correlation_and_unit_spread() -> None:
    generator = np.random.default_rng(0)
    mix = np.array([[40.0, 38.0, 35.0], [0.0, 20.0, -20.0], [18.0, -9.0, -9.0]])
    images = np.clip(generator.normal(size=(20, 16, 16, 3)) @ mix + 128.0, 0, 255).astype(np.uint8)
    colours = Colours()
    colours.fit(images)
    white = colours(torch.from_numpy(images)).permute(0, 2, 3, 1).reshape(-1, 3).double().numpy()
    np.testing.assert_allclose(white.mean(0), 0.0, atol=1e-4)
    np.testing.assert_allclose(np.cov(white.T), np.eye(3), atol=1e-3)


def test_noise_in_grey_images_is_not_blown_up() -> None:
    grey = np.random.default_rng(0).integers(0, 256, (10, 16, 16, 1)).repeat(3, axis=3)
    images = np.clip(grey + np.random.default_rng(1).normal(0.0, 1.0, grey.shape), 0, 255).astype(np.uint8)
    colours = Colours()
    colours.fit(images)
    deviations = np.linalg.eigvalsh(
        np.cov(colours(torch.from_numpy(images)).permute(1, 0, 2, 3).reshape(3, -1).numpy())
    )
    assert np.sqrt(deviations[:2]).max() < 0.15 and np.sqrt(deviations[2]) == pytest.approx(1.0, abs=0.01)


def test_rare_colours_weigh_more() -> None:
    images = np.full((4, 16, 16, 3), 200, np.uint8)
    images[:, 0, :4] = (200, 20, 20)  # 4 of 256 pixels
    weights = colour_weights(images)[colour_index(torch.from_numpy(images)).numpy()]
    assert weights.mean() == pytest.approx(1.0, abs=1e-5)
    assert weights[0, 0, 0] / weights[0, 8, 8] == pytest.approx(math.sqrt(252 / 4), rel=1e-4)


def test_states_are_standardised_on_the_given_images() -> None:
    torch.manual_seed(0)
    network = StateNetwork(16, 24, points=4)
    images = torch.randint(0, 256, (200, 16, 24, 3), dtype=torch.uint8)
    with torch.no_grad():
        network.branches[0].layers[4].weight *= 10.0  # type: ignore[index, operator, union-attr]
        network.standardise_on(network.raw(images))
        states = network(images)
    assert states.shape == (200, 12) and network.state_dim == 12
    np.testing.assert_allclose(states.mean(0), 0.0, atol=1e-4)
    np.testing.assert_allclose(states.std(0, unbiased=False), 1.0, atol=1e-3)
    network.standardise_on(torch.full((5, 12), 3.0))  # nothing moves: no division by 0
    assert torch.isfinite(network(images)).all()


def test_the_decoder_draws_a_spot_where_the_point_is() -> None:
    torch.manual_seed(1)
    decoder = PointDecoder(torch.zeros(1, 3, 32, 48), points=1)
    with torch.no_grad():
        blank = decoder(torch.tensor([[-9.0, -9.0, 0.0]]))  # far outside
        drawn = decoder(torch.tensor([[0.5, -0.5, 0.0]]))
    change = (drawn - blank).abs().sum(1)[0]
    y, x = divmod(int(change.argmax()), 48)
    assert drawn.shape == (1, 3, 32, 48) and abs(x - 35.5) <= 3 and abs(y - 7.5) <= 3


@pytest.mark.bad_input
@pytest.mark.parametrize("height, width", [(62, 64), (64, 30), (12, 64), (64, 516), (0, 64)])
def test_image_sizes_that_do_not_fit_are_named(height: int, width: int) -> None:
    with pytest.raises(
        ValueError, match=f"{width}x{height} pixels; width and height must be multiples of 4 from 16 to 512"
    ):
        check_image_size(height, width)


def test_spots_are_mixed_as_the_convolution_of_their_images_would_be() -> None:
    torch.manual_seed(0)
    decoder = PointDecoder(torch.zeros(1, 3, 48, 64), 7)
    down, across = torch.rand(5, 7, 24), torch.rand(5, 7, 32)
    torch.testing.assert_close(decoder._mixed(down, across), decoder.mix(down[..., :, None] * across[..., None, :]))


def test_a_memory_format_changes_no_state() -> None:
    torch.manual_seed(0)
    network = StateNetwork(32, 32, outputs=3, cameras=2)
    images = torch.randint(0, 256, (4, 2, 32, 32, 3), dtype=torch.uint8)
    expected, weights = network(images), {name: value.clone() for name, value in network.state_dict().items()}
    lay_out(network, torch.channels_last)
    torch.testing.assert_close(network(images), expected, rtol=1e-4, atol=1e-5)
    lay_out(network, torch.contiguous_format)
    assert torch.equal(network(images), expected)
    assert all(torch.equal(value, weights[name]) for name, value in network.state_dict().items())
    assert all(value.is_contiguous() for value in network.state_dict().values())
