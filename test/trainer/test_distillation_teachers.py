"""Teachers: every kind of algorithm, other actions and observations, students as teachers, lists of paths."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_distillations import DISCRETE, settings, silent, teacher
from stable_baselines3 import PPO

from rl_trainer_ros.distillation import data_set, distil, recording, sources, teachers
from rl_trainer_ros.distillation.distributions import CATEGORICAL, DETERMINISTIC_STD, GAUSSIAN, SQUASHED
from rl_trainer_ros.training.checkpoints import trained_models
from rl_trainer_ros.training.cross_evaluation.tasks import evaluated
from rl_trainer_ros.training.runs import run_folder
from robot_interface_ros.config import ConfigError
from robot_interface_ros.files.paths import joined_paths, listed_paths

pytestmark = [pytest.mark.distil, pytest.mark.slow, pytest.mark.xdist_group("distillation")]
OFF_POLICY = "{learning_starts: 16, batch_size: 16, net_arch: [16], buffer_size: 100}"
BRIEF = {"set_size": 40, "epochs": 1, "batch_size": 20}


@pytest.mark.parametrize(
    "algo, kind, environment",
    [("dqn", CATEGORICAL, DISCRETE), ("sac", SQUASHED, {}), ("td3", GAUSSIAN, {})],
    ids=["dqn", "sac", "td3"],
)
def test_teachers_of_values_of_actions_and_of_actors(
    algo: str, kind: str, environment: dict[str, Any], tmp_path: Path
) -> None:
    run = teacher(tmp_path, algo=algo, num_timesteps=24, hyperparameters=OFF_POLICY, **environment)
    student = distil.distil(
        settings(tmp_path, str(run), temperature=0.01 if algo == "dqn" else 1.0, **BRIEF), report=silent
    )
    (folder,) = (student / "data").iterdir()
    data = data_set.read(folder)
    assert data.actions.kind == kind and len(data) == 40
    policy = trained_models.load(run / "final")
    seen = policy.normalisation.apply(data.observations)
    actions, _ = policy.algorithm.predict(seen, deterministic=True)
    if algo == "dqn":  # the action of the largest value is the most likely one
        assert (data.actions.best() == actions).all()
    else:
        assert np.allclose(data.actions.best(), actions, atol=1e-5)
    if algo == "td3":
        assert np.allclose(np.exp(data.actions.arrays["log_std"]), DETERMINISTIC_STD)
    assert isinstance(trained_models.load(student / "final").algorithm, PPO)


@pytest.mark.bad_input
def test_a_recurrent_teacher_is_refused_in_one_line_before_anything_is_recorded(tmp_path: Path) -> None:
    run = teacher(tmp_path, algo="recurrent_ppo", **DISCRETE)
    before = sorted(tmp_path.rglob("config.yaml"))
    with pytest.raises(ConfigError, match="a recurrent policy cannot be distilled") as raised:
        distil.distil(settings(tmp_path, str(run)), report=silent)
    assert str(run) in str(raised.value) and "\n" not in str(raised.value)
    with pytest.raises(ConfigError, match="a recurrent policy cannot be distilled"):
        distil.record_only(settings(tmp_path, str(run), output=str(tmp_path / "data")), report=silent)
    assert sorted(tmp_path.rglob("config.yaml")) == before and not (tmp_path / "data").exists()


@pytest.mark.bad_input
def test_images_that_differ_are_refused_before_anything_is_recorded(random_encoder: str, tmp_path: Path) -> None:
    seen = "{cameras: [above], image_width: 36, image_height: 36}"
    run = teacher(tmp_path, observation="raw_pixels", observation_settings=seen)
    before = sorted(tmp_path.rglob("config.yaml"))
    for student, remedy in (
        ({"observation": "raw_pixels", "observation_settings": "{cameras: [external]}"}, "give the student such"),
        ({"srl_model": "random", "srl_folder": random_encoder}, "choose an encoder of such images"),
    ):
        with pytest.raises(
            ConfigError, match=rf"student has.* cameras external.*teacher has.* cameras above.*{remedy}"
        ):
            distil.distil(settings(tmp_path, str(run), **student), report=silent)
    assert sorted(tmp_path.rglob("config.yaml")) == before


def test_a_student_sees_the_state_of_an_encoder(random_encoder: str, tmp_path: Path) -> None:
    run = teacher(tmp_path)
    config = settings(tmp_path, str(run), srl_model="random", srl_folder=random_encoder, **{**BRIEF, "set_size": 20})
    student = distil.distil(config, report=silent)
    (folder,) = (student / "data").iterdir()
    data = data_set.read(folder)
    encoder = Path(random_encoder) / "encoder.json"
    assert data.environment.srl_folder == random_encoder and str(data.notes["encoder"]) in encoder.read_text()
    about = trained_models.load(student / "final").algorithm
    assert (
        about.observation_space.shape == data.observation_space.shape == (10 + 30,)
    )  # joints, their speeds, the state


def test_equal_spaces_do_not_make_equal_actions(teacher_runs: dict[str, Path], tmp_path: Path) -> None:
    """Velocities and positions of the same joints have one space, so have two control rates, and mean other motions."""
    (found,) = teachers.find([str(teacher_runs["reach"])], "")
    assert isinstance(found, teachers.Teacher)
    for changes, said in (
        ({"action": "joint_position"}, "need the same action: reach_0 has joint_velocity, reach_1 has joint_position"),
        ({"control_hz": 10.0}, "need the same control_hz: reach_0 has 20.0, reach_1 has 10.0"),
        ({"joint_group": "right_arm"}, "need the same joint_group"),
    ):
        other = replace(found, config=replace(found.config, **changes))
        with pytest.raises(ConfigError, match=said):
            sources.sources([found, other], settings(tmp_path, "a,b"))
    pixels = replace(found, config=replace(found.config, observation="raw_pixels", frame_stack=2))
    first, second = sources.sources([found, pixels], settings(tmp_path, "a,b"))
    assert first.observation == second.observation and second.teacher is pixels  # both as the first teacher sees


def test_a_student_of_several_teachers_teaches_each_of_their_tasks(
    teacher_runs: dict[str, Path], tmp_path: Path
) -> None:
    student = distil.distil(
        settings(
            tmp_path,
            f"{teacher_runs['circular']},{teacher_runs['escape']}",
            set_size=20,
            epochs=1,
            task_labels=("all",),
        ),
        report=silent,
    )
    found = sources.sources(teachers.find([str(student)], ""), settings(tmp_path, str(student)))
    assert [(one.name, one.environment.task, one.environment.task_labels) for one in found] == [
        ("circular", "circular", ()),
        ("escape", "escape", ()),
    ]
    configs = run_folder.learned_configs(student, run_folder.load_config(student))
    assert [config.task for config in configs] == ["circular", "escape"]
    assert [task.task for task in evaluated(configs)] == ["circular", "escape"]
    balanced = settings(tmp_path, str(student), balance=(1.0, 3.0))
    assert recording.samples_of(balanced, recording.shares_of(balanced, 2)) == [[40, 120]]


def test_lists_of_paths() -> None:
    for paths in (["a", "b"], ["a, b", 'c"d'], ["[x]"], ["/a b/ä"]):
        assert listed_paths(joined_paths(paths)) == paths
    assert listed_paths("[a, b]") == listed_paths(" a ,, b") == ["a", "b"] and listed_paths("") == []


def test_a_teacher_without_a_distribution_is_refused(tmp_path: Path) -> None:
    run = teacher(tmp_path, algo="random", hyperparameters="", **DISCRETE)
    with pytest.raises(ConfigError, match="RandomAgent has no distribution of actions"):
        distil.distil(settings(tmp_path, str(run)), report=silent)
