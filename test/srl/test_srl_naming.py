"""Which encoder `srl_model` names: by method, by path, by a table for robot and task, or the latest."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import pytest

from rl_trainer_ros.bringup.system import BringupError, system
from rl_trainer_ros.distillation.distil_config import DistilConfig
from rl_trainer_ros.distillation.teachers import encoder_named
from rl_trainer_ros.recording.record_config import RecordConfig
from rl_trainer_ros.training import early_checks
from rl_trainer_ros.training.runs import encoders, run_folder
from rl_trainer_ros.training.trainer_config import TrainerConfig
from robot_interface_ros.config import ConfigError, from_mapping
from srl_ros.naming import Place, Seeker, commands_for, find_encoder, place_of


def an_encoder(folder: Path, method: str, saved_s: int = 0) -> str:
    folder.mkdir(parents=True)
    (folder / "encoder.json").write_text(json.dumps({"method": method, "cameras": ["external"]}))
    os.utime(folder / "encoder.json", (saved_s, saved_s))
    return str(folder)


def test_a_method_lies_where_it_always_did() -> None:
    assert find_encoder("vae", Seeker("there")) == Place("vae", "there/srl/vae")
    assert TrainerConfig(srl_model="vae").srl_folder == ""
    assert TrainerConfig(srl_model="vae").encoder_folder == "runs/srl/vae"


def test_latest_is_the_encoder_that_was_saved_last(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no encoder below .*srl; make one with: .*train_srl srl_model:=autoencoder"):
        find_encoder("latest", Seeker(str(tmp_path)))
    an_encoder(tmp_path / "srl" / "dae", "dae", 10)
    newest = an_encoder(tmp_path / "srl" / "button" / "mine", "vae", 30)
    an_encoder(tmp_path / "srl" / "strange", "of another package", 40)
    assert find_encoder("latest", Seeker(str(tmp_path))) == Place("vae", newest)
    config = TrainerConfig(srl_model="latest", log_dir=str(tmp_path))
    assert (config.srl_model, config.srl_folder, config.state) == ("vae", newest, "vae")
    an_encoder(tmp_path / "srl" / "pca", "pca", 50)  # the run's settings still name its encoder
    assert dataclasses.replace(config).srl_folder == newest


def test_a_path_names_its_encoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = an_encoder(tmp_path / "anywhere", "triplet")
    config = TrainerConfig(srl_model=folder)
    assert (config.srl_model, config.encoder_folder) == ("triplet", folder)
    with pytest.raises(ConfigError, match=r"srl_model is .*/nothing, but no trained encoder lies there; .*train_srl"):
        TrainerConfig(srl_model=f"{tmp_path}/nothing")
    with pytest.raises(ConfigError, match="unknown srl_model .*srl_folder is given too"):
        TrainerConfig(srl_model="latest", srl_folder=folder)
    monkeypatch.chdir(tmp_path)
    assert TrainerConfig(srl_model="./anywhere").encoder_folder == "./anywhere"


def test_a_folder_alone_names_its_encoder_too(tmp_path: Path) -> None:
    folder = an_encoder(tmp_path / "anywhere", "triplet")
    config = TrainerConfig(srl_folder=folder)
    assert (config.srl_model, config.encoder_folder, config.observed) == ("triplet", folder, "srl_state")
    assert DistilConfig(srl_folder=folder).srl_model == "triplet"
    with pytest.raises(ConfigError, match="srl_model triplet needs observation srl_state, but observation is joints"):
        TrainerConfig(srl_folder=folder, observation="joints")
    for kind in (TrainerConfig, DistilConfig):
        with pytest.raises(ConfigError, match="srl_model raw_pixels has no encoder, but srl_folder is"):
            kind(srl_folder=folder, srl_model="raw_pixels")
        with pytest.raises(ConfigError, match="srl_folder is .*/nothing, but no trained encoder lies there"):
            kind(srl_folder=f"{tmp_path}/nothing")


def test_an_encoder_of_another_method_or_robot_is_said(tmp_path: Path) -> None:
    folder = an_encoder(tmp_path / "anywhere", "triplet")
    encoders.check_method(TrainerConfig(srl_model="triplet", srl_folder=folder))
    for check in (encoders.check_method, early_checks.check):
        with pytest.raises(
            ConfigError, match="srl_model is vae, but the encoder in .* was made by triplet; use srl_model:=t"
        ):
            check(TrainerConfig(srl_model="vae", srl_folder=folder))
    assert encoders.unlike(TrainerConfig(srl_model=folder)) == ""  # older encoders do not say
    (tmp_path / "anywhere" / "encoder.json").write_text('{"method": "triplet", "config": {"robot": "kuka_iiwa"}}')
    assert "was trained on images of kuka_iiwa, and the robot is inmoov" in encoders.unlike(
        TrainerConfig(srl_model=folder)
    )
    assert encoders.unlike(TrainerConfig(srl_model=folder, robot="kuka_iiwa")) == ""


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "text, said",
    [
        ("", "cannot be read: .*encoder.json.* not JSON"),
        ("[1]", "its encoder.json names no method"),
        ('{"method": 3}', "its encoder.json names no method"),
        ('{"method": "ground_truth"}', "a method that is not installed: unknown srl_model 'ground_truth'"),
    ],
)
def test_a_damaged_encoder_is_told_from_none(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "encoder.json").write_text(text)
    with pytest.raises(ConfigError, match=said) as caught:
        TrainerConfig(srl_model=str(tmp_path))
    assert "\n" not in str(caught.value)


def test_a_recording_and_a_student_take_the_same_names(tmp_path: Path) -> None:
    folder = an_encoder(tmp_path / "srl" / "mine", "vae", 10)
    for name in ("latest", "mine", folder):
        recorded = RecordConfig(srl_model=name, log_dir=str(tmp_path))
        assert recorded.environment().srl_folder == recorded.environment().encoder_folder == folder
        assert dataclasses.replace(recorded, episodes=3).srl_folder == folder
        student = DistilConfig(teachers="runs/a", srl_model=name, log_dir=str(tmp_path))
        assert encoder_named(ATeacher(TrainerConfig()), student) == ("vae", folder)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="srl_model and srl_folder both name the encoder"):
        RecordConfig(srl_model="mine", srl_folder=folder, log_dir=str(tmp_path))
    with pytest.raises(ConfigError, match="srl_model raw_pixels has no encoder; use observation:=raw_pixels"):
        RecordConfig(srl_model="raw_pixels")
    with pytest.raises(ConfigError, match=r"unknown srl_model 'mien' \(did you mean mine\?\)"):
        RecordConfig(srl_model="mien", log_dir=str(tmp_path))


@dataclasses.dataclass
class ATeacher:
    environment: TrainerConfig


def test_a_folder_of_ones_own_is_a_name_too(tmp_path: Path) -> None:
    an_encoder(tmp_path / "srl" / "vae_two_cameras", "vae")
    assert find_encoder("vae_two_cameras", Seeker(str(tmp_path))).method == "vae"
    with pytest.raises(ConfigError, match=r"unknown srl_model 'vae_two_camera' .*did you mean vae_two_cameras.*latest"):
        find_encoder("vae_two_camera", Seeker(str(tmp_path)))


def test_a_table_names_encoders_by_robot_and_task(tmp_path: Path) -> None:
    best = an_encoder(tmp_path / "best", "vae")
    table = tmp_path / "mine.yaml"
    table.write_text(
        "inmoov:\n  reach: {best: " + best + "}\n  button: {any: 'srl/button/{srl_model}', vae: /other}\n"
        "any:\n  any: {dae: shared}\n"
    )
    found = {
        (robot, task, name): place_of(name, Seeker("logs", robot, task, str(table)))
        for robot, task, name in (
            ("inmoov", "button", "pca"),
            ("inmoov", "button", "vae"),
            ("robots/inmoov.yaml", "button", "dae"),
            ("kuka_iiwa", "button", "pca"),
        )
    }
    assert list(found.values()) == ["logs/srl/button/pca", "/other", "logs/shared", "logs/srl/pca"]
    config = TrainerConfig(srl_model="best", srl_models=str(table))
    assert (config.srl_model, config.encoder_folder) == ("vae", best)
    usual = TrainerConfig(srl_model="pca", srl_models=str(table), task="button", robot="kuka_iiwa")
    assert (
        usual.srl_folder == "runs/srl/pca"
    )  # the usual folder, and still in the settings: they do not need the table again
    with pytest.raises(ConfigError, match=r"unknown srl_model 'bst' \(did you mean best\?\)"):
        TrainerConfig(srl_model="bst", srl_models=str(table))
    with pytest.raises(ConfigError, match="unknown srl_model 'best'"):
        TrainerConfig(srl_model="best", srl_models=str(table), task="button")


@pytest.mark.parametrize(
    "text, said",
    [
        ("inmoov: [a]", "mine.yaml: inmoov is .*expected a mapping of tasks: robot -> task -> name -> folder"),
        ("inmoov: {reach: there}", "mine.yaml: inmoov: reach is .*expected a mapping of encoders"),
        ("inmoov: {reach: {vae: 3}}", "mine.yaml: inmoov: reach: vae is 3; expected the path of a folder"),
        ("inmoov: {", "mine.yaml"),
        (
            "any: {any: {any: 'srl/{srl_modle}'}}",
            "mine.yaml: any: any: any is .*only {srl_model} stands for something else",
        ),
    ],
)
def test_a_bad_table_is_one_line_with_its_place(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(ValueError, match=said) as caught:
        TrainerConfig(srl_model="vae", srl_models=str(tmp_path / "mine.yaml"))
    assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match="nowhere.yaml"):
        TrainerConfig(srl_model="vae", srl_models="nowhere.yaml")


def test_a_missing_encoder_names_the_commands_that_make_it(tmp_path: Path) -> None:
    train, record = commands_for("triplet", Seeker("logs", task="button"), ("external", "above"))
    assert train.endswith("train_srl srl_model:=triplet task:=button log_dir:=logs")
    assert "record task:=button cameras:=external,above bag:=bags/for_srl && " in record
    assert record.endswith(f"{train} bags:=bags/for_srl")
    train, record = commands_for("distillation", Seeker(), ("external",))  # it learns the actions
    assert "record policy:=scripted cameras:=external" in record and "policy" not in train
    with pytest.raises(
        BringupError, match=r"no vae model at .*/srl/vae; give its folder .*train_srl srl_model:=vae .*record"
    ):
        system({"srl_model": "vae", "log_dir": str(tmp_path)}, {})


def test_every_process_of_a_system_gets_the_same_encoder(tmp_path: Path) -> None:
    """The trainer gets the folder, too: another encoder may be the latest when it starts."""
    newest = an_encoder(tmp_path / "srl" / "button" / "mine", "vae", 30)
    params = tmp_path / "trainer.yaml"
    params.write_text(f"trainer:\n  ros__parameters: {{srl_model: latest, log_dir: {tmp_path}}}\n")
    for given in ({"srl_model": "latest", "log_dir": str(tmp_path)}, {"params_file": str(params)}):
        processes = {process.name: process for process in system(given, {}).processes}
        assert processes["srl"].parameters["srl_folder"] == newest
        told = processes["trainer"].parameters
        assert (told["srl_model"], told["srl_folder"]) == ("vae", newest)
    real = {process.name: process for process in system({**given, "realtime": "true"}, {}).processes}
    assert real["srl"].parameters["realtime"] is True


@pytest.mark.parametrize("transport", ["topics", "in_process"])
def test_an_encoder_whose_cameras_the_robot_lacks_is_refused_at_the_start(tmp_path: Path, transport: str) -> None:
    folder = an_encoder(tmp_path / "srl/vae", "vae")
    (Path(folder) / "encoder.json").write_text(json.dumps({"method": "vae", "cameras": ["external", "above"]}))
    given = {"srl_model": "vae", "log_dir": str(tmp_path), "transport": transport}
    with pytest.raises(BringupError, match=r"srl/vae sees through above, and robot kuka_iiwa has external; train one"):
        system({**given, "robot": "kuka_iiwa"}, {})
    system(given, {})


def test_a_name_in_the_table_without_an_encoder_is_said(tmp_path: Path) -> None:
    table = tmp_path / "table.yaml"
    table.write_text("any: {any: {best: there}}")
    with pytest.raises(
        ConfigError, match=r"srl_model best is .*/there in .*table.yaml, but no trained encoder lies there"
    ):
        find_encoder("best", Seeker(str(tmp_path), table=str(table)))


def test_a_resumed_run_keeps_its_encoder(tmp_path: Path) -> None:
    """Resuming without srl_folder keeps the folder of the run's settings."""
    folder = an_encoder(tmp_path / "srl" / "mine", "vae")
    config = TrainerConfig(srl_model="mine", log_dir=str(tmp_path))
    again = from_mapping(TrainerConfig, dataclasses.asdict(config), "config.yaml")
    assert (again.srl_model, again.srl_folder) == ("vae", folder)


@pytest.mark.parametrize(
    "named, place", [("", "runs/srl/autoencoder"), ("mine/encoder", "mine/encoder"), ("/nowhere/encoder", "")]
)
def test_a_run_finds_its_encoder_from_another_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str, place: str
) -> None:
    """Also where that folder has an encoder of the same name, of another training."""
    run = tmp_path / "runs/reach/autoencoder/ppo/now"
    run.mkdir(parents=True)
    config = TrainerConfig(srl_model="autoencoder", srl_folder=named, transport="in_process")
    run_folder.write_config(run, config, {}, {})
    elsewhere = tmp_path / "elsewhere"
    for folder in (*([tmp_path / place] if place else []), elsewhere / "runs/srl/autoencoder"):
        an_encoder(folder, "autoencoder")
    monkeypatch.chdir(elsewhere)
    assert run_folder.load_config(run).encoder_folder == (str(tmp_path / place) if place else named)
    monkeypatch.chdir(tmp_path)
    assert run_folder.load_config(run) == config
