"""rl_trainer compare_srl: the table against a world in which it is known what each encoder sees."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import torch

from rl_trainer_ros.cli.commands.compare_srl import (
    CompareSrlOptions,
    _gaze,
    _image_size,
    _tell_other_robots,
    compare,
)
from robot_interface_ros.config import ConfigError
from srl_ros.dataset import Dataset, DatasetError
from srl_ros.encoder import Encoder
from srl_ros.networks import StateNetwork
from srl_ros.training import comparison

SIZE, COUNT, HALF_M = 16, 1200, 0.5
"""Pixels of an image; images; the target is this far from the middle at most."""


def world() -> Dataset:
    """The red level is the target's x, the green one chance. The hand does not move with either."""
    generator = np.random.default_rng(0)
    target, noise = generator.uniform(-1.0, 1.0, (2, COUNT))
    levels = np.stack([127.5 + 120.0 * target, 127.5 + 120.0 * noise, np.full(COUNT, 90.0)], axis=1)
    images = np.broadcast_to(levels[:, None, None, :], (COUNT, SIZE, SIZE, 3)).round().astype(np.uint8)
    truth = np.stack([HALF_M * target, generator.normal(size=COUNT)], axis=1)
    return Dataset(images, truth, ("target_x", "hand_x"), episode=np.arange(COUNT) // 10)


def encoder_of(channel: int, folder: Path, camera: str = "external") -> Path:
    """The mean of one colour over the image, as an encoder in `folder`."""
    network = StateNetwork(SIZE, SIZE, outputs=1, kind="linear")
    weights = torch.zeros(3, SIZE, SIZE)
    weights[channel] = 1.0 / SIZE**2
    with torch.no_grad():
        network.head.weight.copy_(weights.reshape(1, -1))  # type: ignore[union-attr, operator]
        network.head.bias.zero_()  # type: ignore[union-attr, operator]
    metrics = {"target": {"gtc_mean": 0.25}, "minutes": 3.0}
    Encoder(network, (SIZE, SIZE, 3), ("red", "green")[channel], {}, metrics, (camera,), "d").save(folder)
    return folder


def table(folder: Path) -> list[dict[str, str]]:
    with (folder / "encoders.csv").open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_one_encoder_sees_the_target_and_the_other_does_not(tmp_path: Path) -> None:
    folders = [encoder_of(0, tmp_path / "red"), encoder_of(1, tmp_path / "green")]
    lines = comparison.compare(folders, tmp_path / "out", world())
    red, green = table(tmp_path / "out")
    assert [red["encoder"].split("-")[0], green["encoder"].split("-")[0]] == ["red", "green"]
    assert lines[0].split() == list(comparison.COLUMNS) and red["encoder"] in lines[1]
    assert (red["cameras"], red["values"], red["reward_accuracy"], red["minutes"]) == ("external", "1", "", "3")
    # A level is 1/120 of half a metre: 4 mm. So nothing is lost but rounding.
    assert float(red["gtc_target"]) == 1.0 and float(red["r2_target"]) == 1.0
    assert float(red["nmse_target"]) < 1e-3 and float(red["knn_mse_target"]) < 1e-4
    assert float(red["nonlinear_r2_target"]) > 0.999 and float(red["probe_cm_target"]) < 1.0
    # Chance: 1 + 1/5 for five neighbours, twice the variance (1/12 m^2) for pairs, the middle as the best guess: 25 cm.
    assert float(green["gtc_target"]) < 0.1 and abs(float(green["r2_target"])) < 0.05
    assert float(green["nmse_target"]) == pytest.approx(1.2, abs=0.12)
    assert float(green["knn_mse_target"]) == pytest.approx(2.0 / 12.0, rel=0.15)
    assert float(green["probe_cm_target"]) == pytest.approx(25.0, abs=4.0)
    for row in (red, green):
        assert float(row["nonlinear_r2_hand"]) < 0.05
    assert (tmp_path / "out" / "encoders.png").stat().st_size > 5000


def test_without_images_the_table_has_the_figures_of_each_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, channel in (("red", 0), ("green", 1)):
        encoder_of(channel, tmp_path / "srl" / name)
    assert compare(CompareSrlOptions(log_dir=str(tmp_path))) == 0
    rows = table(tmp_path / "srl")
    assert [row["encoder"].split("-")[0] for row in rows] == ["green", "red"]
    assert {(row["gtc_target"], row["nmse_target"], row["minutes"]) for row in rows} == {("0.25", "", "3")}
    said = capsys.readouterr().out
    assert rows[0]["encoder"] in said and str(tmp_path / "srl" / "encoders.png") in said


@pytest.mark.bad_input
def test_encoders_that_cannot_be_compared_are_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no encoders below .*srl; make one with: .*train_srl") as none:
        compare(CompareSrlOptions(log_dir=str(tmp_path)))
    above = encoder_of(0, tmp_path / "above", "above")
    with pytest.raises(DatasetError, match="needs images of above; these are of external") as other:
        comparison.compare([above], tmp_path / "out", world())
    assert "\n" not in f"{none.value}{other.value}" and not (tmp_path / "out").exists()


def test_images_are_recorded_in_the_size_that_all_encoders_need(tmp_path: Path) -> None:
    folders = [encoder_of(0, tmp_path / "red"), encoder_of(1, tmp_path / "green")]
    assert _image_size(tuple(map(str, folders))) == SIZE
    path = folders[1] / "encoder.json"
    path.write_text(path.read_text().replace(f"{SIZE},", "32,"))
    with pytest.raises(ConfigError, match="images for 16x16, 32x32 pixels cannot be recorded together"):
        _image_size(tuple(map(str, folders)))


def test_images_are_recorded_with_the_gaze_that_all_encoders_have(tmp_path: Path) -> None:
    folders = [str(encoder_of(channel, tmp_path / name)) for channel, name in ((0, "red"), (1, "green"))]
    assert _gaze(tuple(folders)) == ""
    for folder, said in zip(folders, ('"gaze": "hand"', '"gaze": "target"')):
        path = Path(folder) / "encoder.json"
        path.write_text(path.read_text().replace('"config": {}', f'"config": {{{said}}}'))
    assert _gaze((folders[0],)) == "hand"
    with pytest.raises(ConfigError, match="gaze:=hand in .*red, gaze:=target in .*green cannot be recorded together"):
        _gaze(tuple(folders))


@pytest.mark.bad_input
def test_a_damaged_encoder_is_left_out_of_the_table_unless_it_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, channel in (("red", 0), ("green", 1)):
        encoder_of(channel, tmp_path / "srl" / name)
    next((tmp_path / "srl" / "green").glob("*.safetensors")).write_bytes(b"cut")
    assert compare(CompareSrlOptions(log_dir=str(tmp_path))) == 0
    assert len(table(tmp_path / "srl")) == 1
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith("left out: ") and "green" in said
    with pytest.raises(ValueError, match="green"):
        compare(CompareSrlOptions(log_dir=str(tmp_path), encoders=(str(tmp_path / "srl" / "green"),)))


def test_an_encoder_of_another_robot_than_that_of_the_images_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = []
    for robot in ("inmoov", "kuka_iiwa", "mine/inmoov.yaml"):
        network, folder = StateNetwork(SIZE, SIZE, outputs=1, kind="linear"), tmp_path / robot.replace("/", "_")
        Encoder(network, (SIZE, SIZE, 3), "random", {"robot": robot}, {}, ("external",), "d").save(folder)
        folders.append(str(folder))
    _tell_other_robots(tuple(folders), "inmoov")
    assert capsys.readouterr().err.splitlines() == [
        f"{folders[1]} was trained on images of kuka_iiwa, and is judged on images of inmoov"
    ]
