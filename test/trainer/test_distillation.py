"""Policy distillation: the loss by hand, students that act as their teachers do, resuming, labels, images, bad input."""

from __future__ import annotations

import csv
import dataclasses
import json
import math
import shutil
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from safetensors.torch import load_file

from rl_trainer_ros.algorithms import hyperparameters
from rl_trainer_ros.cli.commands.curves import CurvesOptions, draw_curves
from rl_trainer_ros.cli.commands.distillation.distil import read, run_distillation
from rl_trainer_ros.cli.commands.evaluate import EvaluateOptions, evaluate_run
from rl_trainer_ros.distillation import continual, data_set, distil, distributions, loss, recording, sources, teachers
from rl_trainer_ros.distillation import student as students
from rl_trainer_ros.distillation.continual_config import ContinualConfig
from rl_trainer_ros.distillation.data_set import DataSet
from rl_trainer_ros.distillation.distil_config import DistilConfig
from rl_trainer_ros.distillation.distributions import CATEGORICAL, GAUSSIAN, SQUASHED, Actions
from rl_trainer_ros.distillation.student import Student, balanced_order, lessons_of
from rl_trainer_ros.environments.env_config import EnvConfig
from rl_trainer_ros.environments.make_env import make_environment, make_robot_env
from rl_trainer_ros.observations.with_label import labelled, labelled_space, one_hot
from rl_trainer_ros.training import resumed_settings
from rl_trainer_ros.training.checkpoints import contents, folders, trained_models
from rl_trainer_ros.training.checkpoints.saver import Diverged
from rl_trainer_ros.training.cross_evaluation.tasks import evaluated
from rl_trainer_ros.training.runs import run_folder
from rl_trainer_ros.training.train import TrainingRun
from rl_trainer_ros.training.trainer_config import TrainerConfig
from robot_interface_ros.config import ConfigError
from robot_interface_ros.errors import RobotError
from robot_interface_ros.files.paths import joined_paths, listed_paths

pytestmark = [pytest.mark.distil, pytest.mark.slow, pytest.mark.xdist_group("distillation")]


# The loss -----------------------------------------------------------------------------------------------------------


def test_categorical_loss_by_hand() -> None:
    """KL of (1/2, 1/2) to (1/4, 3/4) is (ln 2 + ln 2/3) / 2 = 0.143841; of (1, 0) it is -ln 1/4."""
    logits = torch.log(torch.tensor([[0.25, 0.75], [0.25, 0.75]]))
    found = loss.categorical_kl(torch.tensor([[0.5, 0.5], [1.0, 0.0]]), logits)
    assert found[0].item() == pytest.approx(0.143841, abs=1e-6) and found[1].item() == pytest.approx(math.log(4.0))


def test_gaussian_loss_by_hand() -> None:
    """KL of N(1, 1) to N(0, 2^2) is ln 2 + 2/8 - 1/2 = 0.443147; a second axis that is alike adds nothing."""
    mean, log_std = torch.tensor([[1.0, 3.0]]), torch.zeros(1, 2)
    found = loss.gaussian_kl(mean, log_std, torch.tensor([[0.0, 3.0]]), torch.tensor([[math.log(2.0), 0.0]]))
    assert found.item() == pytest.approx(0.443147, abs=1e-6)


def test_the_gradient_is_the_difference_of_probabilities() -> None:
    """d KL / d logits = q - p, so a uniform teacher of a uniform student teaches nothing."""
    logits = torch.zeros(1, 4, requires_grad=True)
    loss.categorical_kl(torch.full((1, 4), 0.25), logits).sum().backward()
    assert logits.grad is not None and torch.allclose(logits.grad, torch.zeros(1, 4), atol=1e-7)
    logits.grad = None
    loss.categorical_kl(torch.tensor([[0.7, 0.1, 0.1, 0.1]]), logits).sum().backward()
    assert torch.allclose(logits.grad, torch.tensor([[-0.45, 0.15, 0.15, 0.15]]), atol=1e-6)


def test_temperature_is_applied_once() -> None:
    """Of (0.8, 0.2): T = 2 gives 2:1, T = 1/2 gives 16:1, T = 1 nothing; a Gaussian's variance is T times as large."""
    p = torch.tensor([[0.8, 0.2]])
    for temperature, expected in ((2.0, 2 / 3), (1.0, 0.8), (0.5, 16 / 17)):
        assert loss.with_temperature(p, temperature)[0, 0].item() == pytest.approx(expected, abs=1e-6)
    assert loss.with_temperature(torch.tensor([[1.0, 0.0]]), 3.0).tolist() == [[1.0, 0.0]]
    assert loss.widened(torch.tensor([0.0]), 4.0).item() == pytest.approx(math.log(2.0))
    logits = torch.tensor([[3.0, -1.0, 0.5]])
    assert torch.allclose(loss.with_temperature(torch.softmax(logits, -1), 2.0), torch.softmax(logits / 2.0, -1))


def test_gaussians_go_through_tanh_and_back() -> None:
    """tanh(N(0.5, 0.1^2)) has its middle at tanh 0.5 = 0.46212 and there the slope 1 - 0.46212^2 = 0.78645."""
    squashed = Actions(SQUASHED, {"mean": np.array([[0.5]], np.float32), "log_std": np.log([[0.1]]).astype(np.float32)})
    plain = squashed.as_kind(GAUSSIAN)
    assert plain.arrays["mean"][0, 0] == pytest.approx(0.46212, abs=1e-5)
    assert np.exp(plain.arrays["log_std"][0, 0]) == pytest.approx(0.078645, abs=1e-6)
    back = plain.as_kind(SQUASHED)
    assert np.allclose(back.arrays["mean"], 0.5, atol=1e-5) and np.allclose(
        back.arrays["log_std"], math.log(0.1), atol=1e-5
    )
    with pytest.raises(ConfigError, match="other action spaces"):
        squashed.as_kind(CATEGORICAL)


def test_samples_have_the_distribution_that_they_are_from() -> None:
    generator = np.random.default_rng(0)
    categorical = Actions(CATEGORICAL, {"probabilities": np.tile(np.array([0.1, 0.0, 0.9], np.float32), (4000, 1))})
    counts = np.bincount(categorical.sample(generator), minlength=3) / 4000
    assert counts[1] == 0.0 and counts[2] == pytest.approx(0.9, abs=0.02)
    assert (categorical.sample(generator, temperature=0.01) == 2).all()
    gaussian = Actions(
        GAUSSIAN, {"mean": np.zeros((4000, 1), np.float32), "log_std": np.full((4000, 1), -2.0, np.float32)}
    )
    assert gaussian.sample(generator, temperature=4.0).std() == pytest.approx(2.0 * math.exp(-2.0), rel=0.05)


# Students of teachers that are made, without a robot ------------------------------------------------------------------


OBSERVED = spaces.Box(-1.0, 1.0, (4,), np.float32)


def made_data(kind: str, n: int, seed: int, task: str = "circular", sign: float = 1.0) -> DataSet:
    """What a teacher would do that is a smooth function of the observation."""
    generator = np.random.default_rng(seed)
    observations = generator.uniform(-1.0, 1.0, (n, 4)).astype(np.float32)
    weights = sign * np.array([[2.0, -1.0, 0.5], [1.0, 1.0, -1.0], [-1.0, 2.0, 0.0], [0.5, 0.0, 1.0]], np.float32)
    values = observations @ weights
    if kind == CATEGORICAL:
        logits = torch.as_tensor(4.0 * values)
        arrays, action = {"probabilities": torch.softmax(logits, -1).numpy()}, spaces.Discrete(3)
    else:
        arrays = {"mean": np.tanh(0.4 * values), "log_std": np.full((n, 3), -1.0, np.float32)}
        action = spaces.Box(-1.0, 1.0, (3,), np.float32)  # type: ignore[assignment]
    return DataSet(
        EnvConfig(task=task),
        OBSERVED,
        action,
        observations,
        Actions(kind, arrays),
        np.ones(n, np.float32),
        np.arange(n) % 50 == 0,
        np.zeros(n, np.int32),
        {},
    )


def gaussian_of(**numbers: float) -> DataSet:
    """Data of a Gaussian teacher, with some arrays of one number."""
    data = made_data(GAUSSIAN, 20, 0)
    changed = {name: np.full_like(data.actions.arrays[name], number) for name, number in numbers.items()}
    return dataclasses.replace(data, actions=Actions(GAUSSIAN, {**data.actions.arrays, **changed}))


def taught(sets: Sequence[DataSet], algo: str = "ppo", labels: Sequence[str] = (), epochs: int = 30) -> Student:
    torch.set_num_threads(1)
    space = labelled_space(OBSERVED, len(labels)) if labels else OBSERVED
    settings = hyperparameters(algo, {"net_arch": [64, 64]})
    learner, statistics = students.make_student(TrainerConfig(algo=algo), settings, space, sets[0].action_space)
    kind = CATEGORICAL if sets[0].actions.kind == CATEGORICAL else SQUASHED if algo == "sac" else GAUSSIAN
    lessons = lessons_of(list(enumerate(sets)), kind, labels)
    students.fill_statistics(statistics, lessons.observations, sets, len(labels), 0.99)
    student = Student(learner, statistics, 1.0)
    for epoch in range(epochs):
        order = balanced_order(lessons.teacher, [1.0] * len(sets), np.random.default_rng(epoch))
        student.learn(lessons.rows(order), 128, lambda done, epoch=epoch: 3e-3 * (1.0 - 0.99 * (epoch + done) / epochs))
    return student


def likeness(student: Student, data: DataSet, labels: Sequence[str] = ()) -> float:
    answers = student.answer(students.labelled_rows(data.observations, data, labels))
    return distributions.likeness(data.actions.as_kind(answers.kind), answers)


def test_a_student_of_enough_data_agrees_with_its_teacher() -> None:
    student = taught([made_data(CATEGORICAL, 4000, 0)], epochs=15)
    assert likeness(student, made_data(CATEGORICAL, 3000, 1)) > 0.99


@pytest.mark.parametrize("algo", ["ppo", "sac"])
def test_a_student_of_enough_data_moves_as_its_teacher_does(algo: str) -> None:
    student = taught([made_data(GAUSSIAN, 2000, 0)], algo, epochs=20)
    assert likeness(student, made_data(GAUSSIAN, 3000, 1)) < 0.02


def test_a_label_tells_contradicting_teachers_apart() -> None:
    teachers = [made_data(CATEGORICAL, 2000, 0), made_data(CATEGORICAL, 2000, 2, "square", sign=-1.0)]
    labels = ("circular", "square")
    fresh = [made_data(CATEGORICAL, 2000, 5), made_data(CATEGORICAL, 2000, 6, "square", sign=-1.0)]
    with_labels, without = taught(teachers, labels=labels, epochs=10), taught(teachers, epochs=3)
    assert min(likeness(with_labels, data, labels) for data in fresh) > 0.97
    assert sum(likeness(without, data) for data in fresh) / 2 < 0.7


def test_each_teacher_has_its_share_whatever_it_has_recorded() -> None:
    teacher = np.array([0] * 90 + [1] * 10)
    order = balanced_order(teacher, [1.0, 3.0], np.random.default_rng(0))
    assert len(order) == 100 and (teacher[order] == 0).sum() == 25 and (teacher[order] == 1).sum() == 75
    even = balanced_order(np.repeat([0, 1], 50), [1.0, 1.0], np.random.default_rng(0))
    assert sorted(even) == list(range(100))
    other = balanced_order(teacher, [1.0, 3.0], np.random.default_rng(1))
    assert set(order[teacher[order] == 0]) != set(other[teacher[other] == 0])


def test_returns_are_scaled_as_training_scales_them() -> None:
    """Rewards of 1 at gamma 1/2: 1, 1.5, 1.75 after a start, each robot by itself."""
    data = dataclasses.replace(
        made_data(CATEGORICAL, 6, 0), starts=np.array([1, 1, 0, 0, 0, 0], bool), robot=np.array([0, 1, 0, 1, 0, 1])
    )
    _, statistics = students.make_student(TrainerConfig(), hyperparameters("ppo"), OBSERVED, data.action_space)
    students.fill_statistics(statistics, data.observations, [data], 0, 0.5)
    assert statistics.ret_rms.var == pytest.approx(np.var([1.0, 1.0, 1.5, 1.5, 1.75, 1.75]))
    assert np.allclose(statistics.obs_rms.mean, data.observations.mean(axis=0))


# Labels in the environment ---------------------------------------------------------------------------------------------


def test_labels_of_numbers_images_and_frames() -> None:
    label = one_hot("square", ("circular", "square"))
    assert label.tolist() == [0.0, 1.0] and one_hot("simple", ("circular", "square")).tolist() == [0.0, 0.0]
    numbers = labelled(np.array([[1.0, 2.0, 3.0, 4.0]], np.float32), label, frames=2)
    assert numbers.tolist() == [[1.0, 2.0, 0.0, 1.0, 3.0, 4.0, 0.0, 1.0]]
    image = labelled(np.full((1, 2, 2, 3), 7, np.uint8), label)
    assert image.shape == (1, 2, 2, 5) and image.dtype == np.uint8 and image[0, 1, 0].tolist() == [7, 7, 7, 0, 255]


def test_an_environment_shows_the_label_of_its_task() -> None:
    environment = make_robot_env("square", task_labels=("circular", "square", "escape"))
    observation, _ = environment.reset(seed=0)
    assert observation[-3:].tolist() == [0.0, 1.0, 0.0] and environment.observation_space.contains(observation)
    environment.close()
    for settings, said in (
        ({"task_labels": ("reach", "reach")}, "name each task once"),
        ({"task_labels": ("reech",)}, "reach"),
    ):
        with pytest.raises(ConfigError, match=said):
            make_robot_env(**settings)
    with pytest.raises(ConfigError, match="not with goal_conditioned"):
        make_robot_env(task_labels=("reach",), goal_conditioned=True, reward="distance")


# Whole distillations ---------------------------------------------------------------------------------------------------


SMALL = "{n_steps: 64, batch_size: 64, n_epochs: 2, net_arch: [16]}"


def teacher(folder: Path, **changes: Any) -> Path:
    config = TrainerConfig(
        transport="in_process",
        log_dir=str(folder),
        num_timesteps=64,
        **{"task": "circular", "action": "plane_discrete", "hyperparameters": SMALL, **changes},
    )
    result = TrainingRun(config, lambda _: make_environment(config)).run(report=lambda line: None)
    assert result.error is None
    return result.folder


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("teachers")
    return {task: teacher(folder, task=task) for task in ("circular", "escape")} | {
        "reach": teacher(folder, task="reach", action="joint_velocity")
    }


def settings(folder: Path, teachers: str, **more: Any) -> DistilConfig:
    small = {"set_size": 160, "epochs": 4, "batch_size": 32, "num_envs": 1, "hyperparameters": "{net_arch: [16]}"}
    return DistilConfig(teachers=teachers, log_dir=str(folder), checkpoint_interval_s=0.0, **{**small, **more})


def silent(line: str) -> None:
    pass


def assert_same(one: Path, other: Path) -> None:
    a, b = (load_file(run / "final" / contents.PARAMETERS) for run in (one, other))
    assert a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)
    assert (one / "final" / contents.STATISTICS).read_text() == (other / "final" / contents.STATISTICS).read_text()


class Killed(BaseException):
    """Ends a distillation as a kill does."""


@pytest.mark.resume
@pytest.mark.equality
def test_a_student_of_two_teachers_is_a_run_and_is_resumed_to_the_same_bits(
    runs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = settings(
        tmp_path,
        f"{runs['circular']},{runs['escape']}",
        task_labels=("all",),
        student_rounds=1,
        eval_every_epochs=8,
        eval_episodes=1,
    )
    whole = distil.distil(config, report=silent)
    assert run_folder.load_config(whole).task_labels == ("circular", "escape")
    section = run_folder.distillation_of(whole)
    assert section is not None and section["tasks"] == ["circular", "escape"]
    data = [data_set.read(path) for path in sorted((whole / "data").iterdir())]
    assert [(one.task, len(one), one.notes["recorded_by"]) for one in data] == [
        ("circular", 40, "teacher"),
        ("escape", 40, "teacher"),
        ("circular", 40, "student"),
        ("escape", 40, "student"),
    ]

    real, epochs = Student.learn, iter(range(100))

    def cut_in_its_seventh(self: Student, *arguments: Any) -> None:
        real(self, *arguments)
        if next(epochs) == 6:
            raise Killed

    monkeypatch.setattr(Student, "learn", cut_in_its_seventh)
    with pytest.raises(Killed):
        distil.distil(config, report=silent)
    monkeypatch.setattr(Student, "learn", real)
    (cut,) = (run for run in whole.parent.iterdir() if run != whole)
    lines: list[str] = []
    with pytest.raises(ConfigError, match="is a distillation; continue it with .*distil resume:="):
        TrainingRun(TrainerConfig(resume=str(cut), transport="in_process"), lambda _: None)  # type: ignore[arg-type, return-value]
    assert distil.distil(DistilConfig(resume=str(cut)), report=lines.append) == cut
    assert "continues after 6 epochs" in lines[0]
    assert_same(whole, cut)
    with pytest.raises(ConfigError, match="is finished; train its student further"):
        distil.distil(DistilConfig(resume=str(cut)), report=silent)

    assert (whole / "evaluations.csv").read_text().count("\n") == 2
    assert draw_curves(CurvesOptions(run=str(whole))) == 0 and (whole / "learning_curve.png").is_file()
    assert evaluate_run(EvaluateOptions(run=str(whole), episodes=1)) == 0
    assert "unseen targets" in capsys.readouterr().out
    tuned = TrainerConfig(
        transport="in_process",
        load_model=str(whole),
        task="escape",
        action="plane_discrete",
        task_labels=("circular", "escape"),
        log_dir=str(tmp_path / "tuned"),
        hyperparameters="{n_steps: 64, batch_size: 64}",
        num_timesteps=64,
    )
    assert TrainingRun(tuned, lambda _: make_environment(tuned)).run(report=silent).error is None


def test_recorded_data_teach_without_their_teacher_and_in_any_size(runs: dict[str, Path], tmp_path: Path) -> None:
    recorded = settings(tmp_path, str(runs["circular"]), output=str(tmp_path / "data"), num_envs=2)
    (folder,) = distil.record_only(recorded, report=silent)
    lines: list[str] = []
    distil.record_only(recorded, report=lines.append)
    assert "recorded already" in lines[0]
    data = data_set.read(folder)
    policy = trained_models.load(runs["circular"] / "final")
    again = distributions.of_policy(policy.algorithm, policy.normalisation.apply(data.observations))
    assert np.allclose(again.arrays["probabilities"], data.actions.arrays["probabilities"], atol=1e-5)
    run = distil.distil(settings(tmp_path, str(tmp_path / "data"), set_size=100), report=silent)
    assert folders.read(run / "final").num_timesteps == 4 * 90  # a tenth is held back
    assert not (run / "data").exists()


def test_a_teacher_that_sees_the_target_teaches_a_student_that_sees_pixels(
    runs: dict[str, Path], tmp_path: Path
) -> None:
    config = settings(
        tmp_path,
        str(runs["reach"]),
        observation="raw_pixels",
        observation_settings="{image_width: 40, image_height: 36}",
        frame_stack=2,
        task_labels=("reach", "button"),
        set_size=24,
        epochs=1,
        num_envs=1,
        batch_size=8,
    )
    run = distil.distil(config, report=silent)
    (folder,) = (run / "data").iterdir()
    data = data_set.read(folder)
    assert data.observations.shape == (24, 36, 40, 6) and data.observations.dtype == np.uint8
    assert data.actions.kind == GAUSSIAN and data.actions.arrays["mean"].shape == (24, 5)
    assert trained_models.load(run / "final").algorithm.observation_space.shape == (10, 36, 40)
    assert evaluate_run(EvaluateOptions(run=str(run), episodes=1)) == 0


@pytest.mark.bad_input
def test_bad_input_is_one_line(runs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    circular, reach = str(runs["circular"]), str(runs["reach"])
    (tmp_path / "empty").mkdir()
    for more, said in (
        (
            {"teachers": f"{circular},{reach}"},
            "teachers of one student need the same action: .* plane_discrete, .* joint_velocity",
        ),
        ({"teachers": str(tmp_path / "gone")}, "is not a run folder"),
        ({"teachers": str(tmp_path / "empty")}, "is an empty folder"),
        ({"teachers": ""}, "teachers is empty"),
        ({"teachers": circular, "algo": "sac"}, "algo sac does not support discrete actions"),
        ({"teachers": circular, "task_labels": ("square",)}, "task_labels lacks circular"),
        ({"teachers": circular, "task_labels": ("circular", "moon")}, "unknown task 'moon'"),
        ({"teachers": circular, "set_size": 1, "student_rounds": 3}, "give at least 4 samples"),
        ({"teachers": circular, "observation": "raw_pixel"}, "raw_pixels"),
        ({"teachers": circular, "hyperparameters": "{gama: 1}"}, "did you mean gamma"),
    ):
        with pytest.raises((ConfigError, trained_models.ModelError), match=said) as raised:
            distil.distil(settings(tmp_path, **more), report=silent)
        assert "\n" not in str(raised.value)
    for words, said in (
        (["teachers:=a", "temperature:=0"], "temperature is 0"),
        (["teachers:=a", "temperature:=warm"], "temperature is 'warm'"),
        (["teachers:=a,b", "balance:=[1]"], "balance has 1 shares for 2 teachers"),
        (["teachers:=a", "task.contacts:=3"], "distil has no setting task.contacts"),
        (["teachers:=a", "output:=b", "student_rounds:=1"], "leave one out"),
    ):
        with pytest.raises(ConfigError, match=said):
            read(words)
    assert read(["teachers:=a", "hyperparameters.net_arch:=[8]"]).hyperparameters == "{net_arch: [8]}"
    monkeypatch.setattr(recording, "available_memory", lambda: 5_000_000)
    large = settings(tmp_path, circular, set_size=1_000_000)
    with pytest.raises(ConfigError, match=r"1,000,000 samples take \S+ GB, .* use set_size:=\d+"):
        distil.distil(large, report=silent)
    with pytest.raises(ConfigError, match="1,000,000 samples take"):
        distil.record_only(replace(large, output=str(tmp_path / "data")), report=silent)
    assert not list(tmp_path.glob("*/*/*/*/config.yaml"))


def test_equal_spaces_do_not_make_equal_actions(runs: dict[str, Path], tmp_path: Path) -> None:
    """Velocities and positions of the same joints have one space, so have two control rates, and mean other motions."""
    (found,) = teachers.find([str(runs["reach"])], "")
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


def test_a_student_of_several_teachers_teaches_each_of_their_tasks(runs: dict[str, Path], tmp_path: Path) -> None:
    student = distil.distil(
        settings(tmp_path, f"{runs['circular']},{runs['escape']}", set_size=20, epochs=1, task_labels=("all",)),
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


@pytest.mark.resume
def test_recorded_data_of_other_settings_are_not_taken_for_these(runs: dict[str, Path], tmp_path: Path) -> None:
    first = settings(tmp_path, str(runs["circular"]), output=str(tmp_path / "data"), set_size=20)
    (folder,) = distil.record_only(first, report=silent)
    for more, said in (
        ({"seed": 3}, "recorded with seed 0, not 3"),
        ({"sampled": False}, "recorded with sampled True, not False"),
        ({"observation": "joints"}, "observation '', not 'joints'"),
        ({"set_size": 30}, "20 samples, not 30"),
    ):
        with pytest.raises(ConfigError, match=f"holds other teacher data: .*{said}"):
            distil.record_only(replace(first, **more), report=silent)
    about = json.loads((folder / "about.json").read_text())
    older = {name: value for name, value in about.items() if name not in ("teacher_sha256", "recording")}
    (folder / "about.json").write_text(json.dumps(older))
    lines: list[str] = []
    distil.record_only(first, report=lines.append)
    assert "recorded already" in lines[0]
    about["environment"]["frame_stack"] = 4
    (folder / "about.json").write_text(json.dumps(about))
    with pytest.raises(
        ConfigError, match=r"was recorded with observation space Box\(16,\) .* has Box\(64,\)"
    ) as raised:
        distil.distil(settings(tmp_path, str(folder)), report=silent)
    assert "\n" not in str(raised.value)


@pytest.mark.resume
@pytest.mark.equality
def test_a_student_is_continued_without_its_teachers(
    runs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once all samples are recorded, the teachers' runs may have been moved or deleted, or have other commas in their path."""
    odd = tmp_path / 'teachers, "old"'
    odd.mkdir()
    gone = [Path(shutil.copytree(runs[task], odd / task, symlinks=True)) for task in ("circular", "escape")]
    config = settings(tmp_path / "students", joined_paths([str(folder) for folder in gone]), set_size=40)
    whole = distil.distil(config, report=silent)

    real, epochs = Student.learn, iter(range(100))

    def cut_in_its_second(self: Student, *arguments: Any) -> None:
        if next(epochs) == 1:
            raise Killed
        real(self, *arguments)

    monkeypatch.setattr(Student, "learn", cut_in_its_second)
    with pytest.raises(Killed):
        distil.distil(config, report=silent)
    monkeypatch.setattr(Student, "learn", real)
    (cut,) = (run for run in whole.parent.iterdir() if run != whole)
    shutil.move(odd / "circular", tmp_path / "moved")
    shutil.rmtree(odd)
    with pytest.raises(ConfigError, match="epochs is 4 in the continued distillation and cannot be changed to 9"):
        distil.distil(DistilConfig(resume=str(cut), epochs=9), report=silent)
    shutil.move(cut / "data" / "0_circular", tmp_path / "aside")  # as after a kill while it was recorded
    with pytest.raises(ConfigError, match="is not a run folder.* name their places: teachers:=..."):
        distil.distil(DistilConfig(resume=str(cut)), report=silent)
    places = joined_paths([str(tmp_path / "moved"), str(odd / "escape")])
    assert distil.distil(DistilConfig(resume=str(cut), teachers=places, log_interval_s=1.0), report=silent) == cut
    assert_same(whole, cut)


@pytest.mark.bad_input
def test_a_student_that_diverges_says_so_in_one_line(tmp_path: Path) -> None:
    student = taught([made_data(GAUSSIAN, 20, 0)], epochs=1)
    wild = lessons_of([(0, gaussian_of(mean=1e30))], GAUSSIAN, ())
    with pytest.raises(Diverged, match="the learning has diverged"):
        student.learn(wild, 8, lambda done: 1e-3)
    with pytest.raises(Diverged, match="the learning has diverged"):
        student.measure(wild)
    with torch.no_grad():
        next(iter(student._learner.algorithm.policy.parameters())).fill_(float("nan"))
    with pytest.raises(Diverged, match="the learning has diverged") as raised:
        student.measure(lessons_of([(0, made_data(GAUSSIAN, 20, 0))], GAUSSIAN, ()))
    assert "\n" not in str(raised.value)


def test_lists_of_paths() -> None:
    for paths in (["a", "b"], ["a, b", 'c"d'], ["[x]"], ["/a b/ä"]):
        assert listed_paths(joined_paths(paths)) == paths
    assert listed_paths("[a, b]") == listed_paths(" a ,, b") == ["a", "b"] and listed_paths("") == []


@pytest.mark.bad_input
def test_a_robot_that_does_not_answer_leaves_no_empty_run(runs: dict[str, Path], tmp_path: Path) -> None:
    """Without data the run is removed; with those of the first teacher it stays, and the line to continue is named."""

    def silent_robot(student: Any, its_teacher: Any) -> Any:
        raise RobotError("/env_0: nobody serves /env_0/joint_states")

    def silent_later(student: Any, its_teacher: Any) -> Any:
        return recording.simulated(1)(student, its_teacher) if its_teacher.task == "circular" else silent_robot(0, 0)

    config = settings(tmp_path, f"{runs['circular']},{runs['escape']}", set_size=40)
    lines: list[str] = []
    with pytest.raises(RobotError, match="nobody serves"):
        distil.distil(config, silent_robot, lines.append)
    assert not list(tmp_path.glob("*/*/*/*/config.yaml")) and not any("resume:=" in line for line in lines)
    with pytest.raises(RobotError, match="nobody serves"):
        distil.distil(config, silent_later, lines.append)
    (run,) = tmp_path.glob("*/*/*/*")
    assert lines[-1].endswith(f"distil resume:={run}")


def test_a_continued_distillation_records_where_it_began(
    runs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not in process, if that was over topics: the robot may be a physical one."""
    seen: list[Any] = []

    @contextmanager
    def served(names: Any) -> Any:
        seen.append(list(names))
        yield killed

    def killed(student: Any, its_teacher: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(recording, "served", served)
    config = settings(tmp_path, str(runs["circular"]), transport="topics", namespaces=("/left", "/right"))
    for again in (config, DistilConfig(resume="latest", log_dir=str(tmp_path))):
        with pytest.raises(KeyboardInterrupt):
            run_distillation(again)
    assert seen == [["/left", "/right"]] * 2
    assert "records on the robots in /left, /right, over topics" in capsys.readouterr().out


@pytest.mark.bad_input
def test_continual_learning_refuses_bad_settings_before_it_keeps_them(tmp_path: Path) -> None:
    for more, said in (
        ({"robot": "inmov"}, "unknown robot 'inmov'"),
        ({"observation": "pixels"}, "unknown observation 'pixels'"),
        ({"action": "plain"}, "unknown action 'plain'"),
        ({"hyperparameters": "{gama: 1}"}, "did you mean gamma"),
        ({"algo": "sac", "hyperparameters": ""}, "sac does not support discrete actions"),
        ({"tasks": ("circular", "nothing")}, "unknown task 'nothing'"),
    ):
        with pytest.raises(ConfigError, match=said):
            continual.learn(replace(several(tmp_path / "new", "distil"), **more), silent)
    assert not (tmp_path / "new").exists()


@pytest.mark.bad_input
def test_damaged_data_are_refused(tmp_path: Path) -> None:
    data = made_data(CATEGORICAL, 20, 0)
    wrong = data.actions.arrays["probabilities"] * 2.0
    nan = data.observations.copy()
    nan[3, 1] = np.nan
    for changed, said in (
        (dataclasses.replace(data, observations=nan), "observations holds a number that is not finite, in row 3"),
        (dataclasses.replace(data, actions=Actions(CATEGORICAL, {"probabilities": wrong})), "sum of 1"),
        (dataclasses.replace(data, rewards=np.ones(19, np.float32)), "the same number of each"),
        (data.first(0), "at least one"),
        (
            dataclasses.replace(data, observations=data.observations.astype(str)),
            "observations holds <U32; expected float32",
        ),
        (
            dataclasses.replace(data, observations=np.full((20, 4), 1e300)),
            "observations holds a number that is not finite",
        ),
        (dataclasses.replace(data, starts=data.rewards), "starts holds float32; expected bool"),
        (
            dataclasses.replace(data, action_space=made_data(GAUSSIAN, 1, 0).action_space),
            "does not fit the action space Box",
        ),
        (dataclasses.replace(data, notes={"encoder": ["x"]}), "encoder is .*; expected text"),
        (gaussian_of(log_std=1000.0), "log_std is not from -20 to 20"),
    ):
        folder = tmp_path / said[:8]
        data_set.write(changed, folder)
        with pytest.raises(ConfigError, match=said):
            data_set.read(folder)
        shutil.rmtree(folder)
    whole = tmp_path / "whole"
    data_set.write(data, whole)
    assert len(data_set.read(whole)) == 20 and len(data_set.read(whole).first(5).actions) == 5
    about = json.loads((whole / "about.json").read_text())
    (whole / "about.json").write_text(json.dumps({**about, "actions": "guess"}))
    with pytest.raises(ConfigError, match="actions is 'guess'; known: categorical"):
        data_set.read(whole)
    (whole / "data.npz").write_bytes((whole / "data.npz").read_bytes()[:300])
    (whole / "about.json").write_text(json.dumps(about))
    with pytest.raises(ConfigError, match=r"data\.npz is damaged"):
        data_set.read(whole)


def test_a_teacher_without_a_distribution_is_refused(tmp_path: Path) -> None:
    run = teacher(tmp_path, algo="random", hyperparameters="")
    with pytest.raises(ConfigError, match="RandomAgent has no distribution of actions"):
        distil.distil(settings(tmp_path, str(run)), report=silent)


# Continual learning ----------------------------------------------------------------------------------------------------


def several(folder: Path, method: str, **more: Any) -> ContinualConfig:
    return ContinualConfig(
        tasks=("circular", "escape"),
        method=method,
        action="plane_discrete",
        num_timesteps=64,
        set_size=60,
        epochs=2,
        hyperparameters=SMALL,
        num_envs=1,
        eval_episodes=1,
        folder=str(folder),
        **more,
    )


@pytest.mark.resume
@pytest.mark.equality
def test_continual_learning_continues_between_and_within_its_stages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = several(tmp_path / "whole", "distil", from_student=True)
    matrix = continual.learn(config, report=silent)
    assert matrix.names == (["after circular", "after escape"], ["circular", "escape"])
    assert np.isfinite(matrix.values("mean_return")).all() and not matrix.reasons()
    cut = several(tmp_path / "cut", "distil", from_student=True)
    real, trainings = TrainingRun.run, iter(range(100))

    def killed_in_its_second(self: TrainingRun, *arguments: Any, **more: Any) -> Any:
        if next(trainings) == 1:
            raise Killed
        return real(self, *arguments, **more)

    monkeypatch.setattr(TrainingRun, "run", killed_in_its_second)
    with pytest.raises(Killed):
        continual.learn(cut, report=silent)
    monkeypatch.setattr(TrainingRun, "run", real)
    learned, epochs = Student.learn, iter(range(100))

    def killed_in_its_second_epoch(self: Student, *arguments: Any) -> None:
        learned(self, *arguments)
        if next(epochs) == 1:
            raise Killed

    monkeypatch.setattr(Student, "learn", killed_in_its_second_epoch)
    with pytest.raises(Killed):
        continual.learn(cut, report=silent)
    monkeypatch.setattr(Student, "learn", learned)
    lines: list[str] = []
    continual.learn(cut, report=lines.append)
    assert "distil: 2_student, continued" in lines and not any("1_teacher" in line for line in lines)
    assert_same(*(next((tmp_path / name).glob("2_student/*/*/*/*")) for name in ("whole", "cut")))
    assert (tmp_path / "cut" / "matrix.csv").read_text().count("\n") == 5
    with pytest.raises(ConfigError, match=r"was begun with epochs 2, not 3; give another folder"):
        continual.learn(dataclasses.replace(cut, epochs=3), report=silent)


def test_continual_learning_takes_teachers_that_are_there(runs: dict[str, Path], tmp_path: Path) -> None:
    """In any order, as runs or as recorded data; a folder that an older version began continues."""
    distil.record_only(
        settings(tmp_path, str(runs["escape"]), output=str(tmp_path / "data"), set_size=60), report=silent
    )
    folder = tmp_path / "given"
    config = several(folder, "distil", teachers=f"{tmp_path / 'data'},{runs['circular']}")
    matrix = continual.learn(config, report=silent)
    assert np.isfinite(matrix.values("mean_return")).all() and not list(folder.glob("*_teacher_*"))
    (last,) = folder.glob("2_student/*/*/*/*")
    assert run_folder.distillation_of(last)["tasks"] == ["circular", "escape"]  # type: ignore[index]
    kept = folder / continual.SETTINGS
    older = {name: value for name, value in json.loads(kept.read_text()).items() if name != "preset"}
    kept.write_text(json.dumps(older))
    assert (
        continual.learn(config, report=silent).values("mean_return").tolist() == matrix.values("mean_return").tolist()
    )
    for more, said in (
        ({"teachers": str(runs["circular"])}, "teachers has none of escape"),
        ({"teachers": f"{runs['reach']},{runs['circular']}"}, "has learned reach, which is not in tasks"),
        ({"teachers": f"{runs['escape']},{tmp_path / 'data'}"}, "teachers has two of escape"),
        ({"action": "plane"}, "has action plane_discrete, not plane"),
        ({"robot": "kuka_iiwa"}, "has robot inmoov, not kuka_iiwa"),
    ):
        with pytest.raises(ConfigError, match=said):
            continual.learn(replace(config, folder=str(tmp_path / "none"), **more), report=silent)
    assert not (tmp_path / "none").exists()
    for more in ({"method": "joint"}, {"from_student": True}):
        with pytest.raises(ConfigError, match="teachers has no effect with"):
            replace(config, **more)  # type: ignore[arg-type]


def test_plain_fine_tuning_and_all_tasks_at_once(tmp_path: Path) -> None:
    tuned = continual.learn(several(tmp_path / "tuned", "finetune"), report=silent)
    scores = tuned.values("mean_return")
    assert len(tuned.models) == 2 and np.isfinite(scores).all() and len(tuned.cells) == 4
    with (tmp_path / "tuned" / "matrix_transfer.csv").open(newline="", encoding="utf-8") as file:
        kept = {row["figure"]: float(row["value"]) for row in csv.DictReader(file) if row["of"] == "mean_return"}
    assert kept["forgetting"] == scores[0, 0] - scores[1, 0] == -kept["backward transfer"]
    assert np.isfinite(kept["forward transfer"])
    (run,) = (tmp_path / "tuned").glob("2_escape/*/*/*/*")
    assert run_folder.hyperparameters_of(run)["learning_rate"] == hyperparameters("ppo")["learning_rate"]
    at_once = continual.learn(several(tmp_path / "joint", "joint", preset="many_robots"), report=silent)
    assert not (tmp_path / "joint" / "matrix_transfer.csv").exists()
    assert at_once.names[0] == ["after all"] and np.isfinite(at_once.values("mean_return")).all()
    (run,) = (tmp_path / "joint").glob("1_joint/*/*/*/*")
    assert folders.read(run / "final").num_timesteps == 128
    with pytest.raises(ConfigError, match=r"trains on all tasks of .*continual\.json together"):
        resumed_settings.check_alone(str(run), "")
    resumed_settings.check_alone(str(next((tmp_path / "tuned").glob("2_escape/*/*/*/*"))), "")
    assert (
        run_folder.hyperparameters_of(run)["learning_rate"]
        == hyperparameters("ppo", preset="many_robots")["learning_rate"]
    )
    with pytest.raises(ConfigError, match="tasks is empty"):
        continual.learn(ContinualConfig(), report=silent)
    for wrong, said in (
        ({"tasks": ("circular",)}, "two or more different tasks"),
        ({"from_student": True}, "no effect"),
    ):
        with pytest.raises(ConfigError, match=said):
            dataclasses.replace(several(tmp_path, "joint"), **wrong)
