"""Datasets: reading returns the written data, and unusable data is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from srl_ros.dataset import FORMAT, Dataset, DatasetError

NAMES = ("target_x", "target_y")


def example(count: int = 6) -> Dataset:
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (count, 16, 20, 3), dtype=np.uint8)
    return Dataset(images, generator.normal(size=(count, 2)), NAMES)


def test_saved_and_loaded_bit_for_bit(tmp_path: Path) -> None:
    dataset = example()
    dataset.save(tmp_path / "new" / "images.npz")
    loaded = Dataset.load(tmp_path / "new" / "images.npz")
    assert loaded.names == NAMES and loaded.images.dtype == np.uint8 and loaded.ground_truth.dtype == np.float64
    assert loaded.images.tobytes() == dataset.images.tobytes()
    assert loaded.ground_truth.tobytes() == dataset.ground_truth.tobytes()
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["images.npz"]


def test_is_read_only_and_leaves_the_callers_arrays_alone() -> None:
    images, truth = np.zeros((2, 16, 16, 3), np.uint8), np.zeros((2, 1))
    dataset = Dataset(images, truth, ("target_x",))
    with pytest.raises(ValueError, match="read-only"):
        dataset.images[0] = 1
    with pytest.raises(ValueError, match="read-only"):
        dataset.ground_truth[0] = 1
    images[0], truth[0] = 1, 1


def test_columns_by_name() -> None:
    dataset = example()
    np.testing.assert_array_equal(dataset.columns(("target_y", "target_x")), dataset.ground_truth[:, ::-1])
    with pytest.raises(DatasetError, match="no ground truth 'target_z' in this dataset; known: target_x, target_y"):
        dataset.columns(("target_x", "target_z"))


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "images, truth, names, message",
    [
        (np.zeros((2, 16, 16)), np.zeros((2, 1)), "x", "images are float64 of shape .* expected uint8"),
        (np.zeros((2, 16, 16, 4), np.uint8), np.zeros((2, 1)), "x", "expected uint8 of shape"),
        (np.zeros((2, 16, 16, 3), np.uint8), np.zeros((3, 1)), "x", r"shape \(3, 1\); expected \(2, 1\)"),
        (np.zeros((2, 16, 16, 3), np.uint8), np.zeros((2, 2)), "x", r"shape \(2, 2\); expected \(2, 1\)"),
        (np.zeros((2, 16, 16, 3), np.uint8), np.zeros((2, 2)), "xx", "not unique: x, x"),
        (np.zeros((2, 16, 16, 3), np.uint8), np.array([[0.0], [np.nan]]), "x", "x of image 1 is nan"),
        (np.zeros((2, 16, 16, 3), np.uint8), np.array([["a"], ["b"]]), "x", "expected numbers"),
    ],
)
def test_what_does_not_fit_is_named(images: np.ndarray, truth: np.ndarray, names: str, message: str) -> None:
    with pytest.raises(DatasetError, match=message) as caught:
        Dataset(images, truth, tuple(names))
    assert "\n" not in str(caught.value)


@pytest.mark.bad_input
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_file_cut_short_is_named(tmp_path: Path, share: float) -> None:
    path = tmp_path / "images.npz"
    example().save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(DatasetError, match="damaged or incomplete.*record the dataset again") as caught:
        Dataset.load(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.bad_input
def test_missing_foreign_and_newer_files_are_named(tmp_path: Path) -> None:
    path = tmp_path / "images.npz"
    with pytest.raises(DatasetError, match=f"no dataset at {path}; record one"):
        Dataset.load(path)
    np.savez(path, other=np.zeros(3))
    with pytest.raises(DatasetError, match="not a dataset of this project"):
        Dataset.load(path)
    with path.open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(DatasetError, match=r"damaged or incomplete|not a dataset"):
        Dataset.load(path)
    dataset = example()
    values = {"images": dataset.images, "ground_truth": dataset.ground_truth, "names": np.array(NAMES)}
    np.savez(path, format=np.array(FORMAT + 1), **values)
    with pytest.raises(DatasetError, match=f"format {FORMAT + 1} and this version reads up to {FORMAT}"):
        Dataset.load(path)
