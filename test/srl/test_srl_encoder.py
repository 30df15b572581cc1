"""Encoders: the same bits everywhere, atomic files, and clear errors."""

from __future__ import annotations

import json
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from srl_ros import encoder as module
from srl_ros.encoder import FORMAT, Encoder, EncoderError
from srl_ros.networks import StateNetwork
from srl_ros.threads import torch_threads

pytestmark = pytest.mark.slow

REPO = Path(__file__).resolve().parents[2]
IMAGES = np.random.default_rng(0).integers(0, 256, (5, 64, 64, 3), dtype=np.uint8)


def make(seed: int = 0, method: str = "random") -> Encoder:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = StateNetwork(64, 64, points=10)
    with torch.no_grad():
        network.standardise_on(network.raw(torch.from_numpy(IMAGES)))
    return Encoder(network, (64, 64, 3), method, {"seed": seed}, {"gtc_mean": 0.5})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make().save(tmp_path / "model")
    return tmp_path / "model"


def weights_file(folder: Path) -> Path:
    (path,) = folder.glob("encoder-*.safetensors")
    return path


def edit(folder: Path, **values: object) -> None:
    path = folder / "encoder.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def test_a_state_is_float64_and_exactly_float32() -> None:
    state = make().encode(IMAGES[0])
    assert state.shape == (30,) and state.dtype == np.float64 and np.isfinite(state).all()
    np.testing.assert_array_equal(state, state.astype(np.float32).astype(np.float64))
    assert np.abs(state - make().encode(IMAGES[1])).max() > 0.1


def test_loading_draws_no_random_number_of_the_program(folder: Path) -> None:
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    Encoder.load(folder)
    assert torch.rand(1) == expected


def test_saved_and_loaded_gives_the_same_bits(folder: Path) -> None:
    first, loaded = make(), Encoder.load(folder)
    assert loaded.id == first.id and loaded.id.startswith("random-") and loaded.image_shape == (64, 64, 3)
    assert (loaded.method, loaded.state_dim, loaded.config, loaded.metrics) == (
        "random",
        30,
        {"seed": 0},
        {"gtc_mean": 0.5},
    )
    for image in IMAGES:
        assert loaded.encode(image).tobytes() == first.encode(image).tobytes()


def test_the_same_bits_in_another_process_whatever_the_threads(folder: Path) -> None:
    program = (
        "import sys, numpy as np, torch; torch.set_num_threads(int(sys.argv[2]))\n"
        "from srl_ros.encoder import Encoder; encoder = Encoder.load(sys.argv[1])\n"
        "images = np.random.default_rng(0).integers(0, 256, (5, 64, 64, 3), dtype=np.uint8)\n"
        "print(encoder.id, b''.join(encoder.encode(image).tobytes() for image in images).hex())"
    )
    encoder = Encoder.load(folder)
    expected = f"{encoder.id} {b''.join(encoder.encode(image).tobytes() for image in IMAGES).hex()}"
    for threads in ("1", "3"):
        command = [sys.executable, "-c", program, str(folder), threads]
        answer = subprocess.run(command, cwd=REPO, env=dict(os.environ), capture_output=True, text=True, timeout=100)
        assert answer.stdout.strip() == expected, answer.stderr


def test_memory_layout_does_not_matter_and_threads_are_left_alone() -> None:
    encoder = make()
    expected = encoder.encode(IMAGES[0])
    frozen = IMAGES[0].copy()
    frozen.flags.writeable = False
    wide = np.zeros((64, 128, 3), np.uint8)
    wide[:, ::2] = IMAGES[0]
    with torch_threads(3):
        for image in (frozen, wide[:, ::2], np.asfortranarray(IMAGES[0])):
            assert encoder.encode(image).tobytes() == expected.tobytes()
        assert torch.get_num_threads() == 3


def test_a_batch_equals_single_images() -> None:
    encoder = make()
    many = np.concatenate([IMAGES] * 60)  # more than one inner batch
    states = encoder.encode_batch(many)
    assert states.shape == (300, 30)
    np.testing.assert_allclose(states[:5], [encoder.encode(image) for image in IMAGES], atol=1e-4)
    np.testing.assert_allclose(states[-5:], states[:5], atol=1e-4)


def test_the_id_is_of_weights_and_method() -> None:
    assert make(seed=0).id == make(seed=0).id != make(seed=1).id
    assert make(method="autoencoder").id.removeprefix("autoencoder") != make().id.removeprefix("random")


def test_saving_again_replaces_the_old_encoder(folder: Path) -> None:
    other = make(seed=1)
    other.save(folder)
    assert {path.name for path in folder.iterdir()} == {"encoder.json", weights_file(folder).name}
    assert Encoder.load(folder).id == other.id


def test_a_kill_between_the_files_leaves_the_old_encoder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, write = Encoder.load(folder).id, module.write_atomically

    def only_weights(path: Path, fill: object) -> None:
        if path.suffix == ".json":
            raise KeyboardInterrupt
        write(path, fill)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "write_atomically", only_weights)
    with pytest.raises(KeyboardInterrupt):
        make(seed=1).save(folder)
    assert Encoder.load(folder).id == old


def refused(folder: Path) -> str:
    with pytest.raises(EncoderError) as caught:
        Encoder.load(folder)
    assert "\n" not in str(caught.value) and "rl_trainer train_srl srl_model:=" in str(caught.value)
    return str(caught.value)


@pytest.mark.bad_input
def test_a_missing_model_names_the_command_that_makes_it(tmp_path: Path) -> None:
    line = refused(tmp_path / "mine")
    assert line.startswith(f"no trained encoder at {tmp_path / 'mine'}; make one with: ")
    assert line.endswith("rl_trainer train_srl srl_model:=autoencoder")
    assert refused(tmp_path / "supervised").endswith("rl_trainer train_srl srl_model:=supervised")


@pytest.mark.bad_input
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_weights_cut_short_are_named(folder: Path, share: float) -> None:
    whole = weights_file(folder).read_bytes()
    weights_file(folder).write_bytes(whole[: int(len(whole) * share)])
    assert f"{weights_file(folder)} is cut short or no file of weights" in refused(folder)


@pytest.mark.bad_input
def test_missing_foreign_and_exchanged_weights_are_named(folder: Path, tmp_path: Path) -> None:
    path = weights_file(folder)
    make(seed=1).save(tmp_path / "other")
    path.write_bytes(weights_file(tmp_path / "other").read_bytes())
    assert "does not hold the weights that encoder.json was written with" in refused(folder)
    torch.save([1, 2], path)
    assert "no file of weights" in refused(folder)
    path.unlink()
    assert "is missing, though encoder.json names it" in refused(folder)


class Intruder:
    """Runs code when it is unpickled."""

    def __init__(self, proof: Path):
        self.proof = proof

    def __reduce__(self) -> tuple:
        return Path.touch, (self.proof,)


@pytest.mark.bad_input
@pytest.mark.parametrize("archive", [True, False])
def test_no_code_runs_on_loading(folder: Path, tmp_path: Path, archive: bool) -> None:
    intruder = Intruder(tmp_path / "proof")
    if archive:
        torch.save(intruder, weights_file(folder))
    else:
        weights_file(folder).write_bytes(pickle.dumps(intruder, protocol=2))
    assert "no file of weights" in refused(folder)
    assert not (tmp_path / "proof").exists()


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "values, message",
    [
        (
            {"format": FORMAT + 1},
            f"has format {FORMAT + 1} and this version reads up to {FORMAT}; update rl_trainer_ros",
        ),
        ({"format": None}, "was not written by this project"),
        ({"method": 3, "outputs": "x"}, "lacks a valid method, outputs"),
        ({"weights_sha256": "../../../etc/passwd"}, "lacks a valid weights_sha256"),
        ({"feature_points": 9}, "do not fit together"),
        ({"network": "yolo"}, "lacks a valid network"),
        ({"cameras": []}, "lacks a valid cameras"),
        ({"cameras": ["external", "external"]}, "lacks a valid cameras"),
        ({"cameras": ["external", "above"]}, "do not fit together"),
        ({"image_shape": [64]}, "image_shape is .64.; expected a list of 3"),
        ({"image_shape": [62, 64, 3]}, "62 pixels|64x62 pixels"),
        ({"state_dim": 29}, "contradicts itself"),
        ({"image_shape": [128, 128, 3]}, "encoder.json was changed after it was saved: it has the id 'random-"),
        ({"method": "vae"}, "was changed after .* image_shape, network and data are those of vae-"),
        ({"cameras": ["moon"]}, "was changed after"),
    ],
)
def test_an_encoder_json_that_is_wrong_is_named(folder: Path, values: dict, message: str) -> None:
    edit(folder, **values)
    assert re.search(message, refused(folder))


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "name, value", [("mean", float("nan")), ("std", 0.0), ("branches.0.layers.0.weight", float("inf"))]
)
def test_weights_that_give_no_states_are_refused(folder: Path, name: str, value: float) -> None:
    encoder = make()
    encoder.weights()[name].fill_(value)
    again = Encoder(encoder._network, (64, 64, 3), "random", {}, {})
    again.save(folder)
    assert "has weights that are not finite, or a state without a scale" in refused(folder)


def test_only_a_state_of_two_values_for_each_name_is_an_estimate() -> None:
    """Wherever the loss stands in a sum, and whatever an edited encoder.json says."""
    names = {"truth_names": ["target_x", "target_y"]}
    for losses, dim, estimates in (
        ("estimate:1", 4, ("target_x", "target_y")),
        ("l2:0.01 estimate:1", 4, ("target_x", "target_y")),
        ("estimate:1", 60, ()),
        ("estimated:1", 4, ()),
        ("", 4, ()),
    ):
        network = StateNetwork(16, 16, points=2, outputs=dim)
        assert Encoder(network, (16, 16, 3), "autoencoder", {**names, "losses": losses}, {}).estimates == estimates


@pytest.mark.bad_input
@pytest.mark.parametrize("text", ["", '{"format": 1, "meth', "[1, 2]", "\x00\x01"])
def test_an_encoder_json_that_is_none_is_named(folder: Path, text: str) -> None:
    (folder / "encoder.json").write_text(text)
    assert re.search("not JSON|NUL byte|not written by this project", refused(folder))


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "image", [np.zeros((32, 32, 3), np.uint8), np.zeros((64, 64), np.uint8), np.zeros((64, 64, 3), np.float32)]
)
def test_an_image_that_does_not_fit_is_named(image: np.ndarray) -> None:
    encoder = make()
    with pytest.raises(EncoderError, match="set the camera to 64x64 rgb") as caught:
        encoder.encode(image)
    assert str(image.shape) in str(caught.value) and encoder.id in str(caught.value) and "\n" not in str(caught.value)
    with pytest.raises(EncoderError, match="expected"):
        encoder.encode_batch(image[None])
