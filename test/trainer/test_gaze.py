"""Eyes that look at a point: the controller, and environments that use it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rl_trainer_ros.arm.gaze import LOOK_S, SEARCH_S, SEEN, Gaze
from rl_trainer_ros.environments import requirements
from rl_trainer_ros.environments.env_config import EnvConfig
from rl_trainer_ros.environments.environment import RobotEnv
from rl_trainer_ros.environments.make_env import make_robot_env, parts
from rl_trainer_ros.observations.state_memory import in_root
from robot_interface_ros.config import ConfigError
from robot_interface_ros.robot import Command, Episode, Observation, Robot
from robot_interface_ros.robot_config import load_robot
from robot_interface_ros.safety.limits import TargetLimiter

PERIOD_S = 0.05
GROUPS = ("right_arm", "head", "eyes")
LEVEL = np.array([0.5, -0.35, 1.45])
"""A point that InMoov can look at exactly."""
LOW = np.array([0.25, -0.2, 1.0])
"""A point further below than head and eyes can turn."""


def off_axis_deg(gaze: Gaze, position: np.ndarray, point: np.ndarray) -> float:
    x, y, z = gaze.seen(position, point)
    return float(np.degrees(np.arctan2(np.hypot(x, y), z)))


def looked(point: np.ndarray, periods: int = 60) -> tuple[Gaze, np.ndarray]:
    """Return the gaze, and the joint targets of each period `(periods, n_joints)` within the robot's limits."""
    description = load_robot("inmoov", GROUPS)
    gaze = Gaze(description, PERIOD_S)
    limiter = TargetLimiter(description.limits, description.max_acceleration, PERIOD_S)
    limiter.restart(description.rest)
    rows = []
    for _ in range(periods):
        limiter.accept(Command(0, gaze.joint_names, gaze.targets(limiter.target, point)))
        rows.append(limiter.step())
    return gaze, np.array(rows)


def test_the_eyes_turn_to_a_point_and_stay_there() -> None:
    gaze, rows = looked(LEVEL)
    errors = [off_axis_deg(gaze, row, LEVEL) for row in rows]
    assert errors[0] > 10.0 and max(errors[40:]) < 0.1  # within two seconds
    assert np.ptp(rows[-10:], axis=0).max() < 1e-3
    assert max(np.diff(errors)) < 0.5  # on the way they come nearer, and do not overshoot


def test_a_point_out_of_reach_is_looked_at_as_well_as_the_limits_allow() -> None:
    gaze, rows = looked(LOW, 80)
    limits = load_robot("inmoov", GROUPS).limits
    assert (rows >= limits.lower).all() and (rows <= limits.upper).all()
    errors = [off_axis_deg(gaze, row, LOW) for row in rows]
    assert errors[0] - errors[-1] > 5.0 and errors[-1] < 35.0  # within the eyes' images of 90 degrees
    assert np.ptp(rows[-20:], axis=0).max() < 0.02  # head and eyes do not swing against each other


def test_most_targets_are_within_the_eyes_images() -> None:
    """Without a gaze, 65 % of the targets of reach are."""
    made = parts(EnvConfig(gaze="target"), None)
    gaze, generator, inside = made.arm.gaze, np.random.default_rng(0), 0
    assert gaze is not None
    for _ in range(20):
        point = np.array(made.task.draw_target(generator))
        q = made.description.rest.copy()
        for _ in range(25):
            q[gaze.indices] = gaze.targets(q, point)
        x, y, z = gaze.seen(q, point)
        inside += z > 0.0 and max(abs(x), abs(y)) < z
    assert inside >= 18


def test_a_point_straight_behind_is_no_error() -> None:
    description = load_robot("inmoov", GROUPS)
    gaze = Gaze(description, PERIOD_S)
    origin, rotation = gaze.pose(description.rest)
    for way in (rotation[:, 2], -rotation[:, 2]):
        np.testing.assert_array_equal(gaze.targets(description.rest, origin + way), description.rest[gaze.indices])


@pytest.mark.parametrize("looks", ["target", "hand"])
def test_the_policy_sees_the_joints_that_turn_the_eyes_and_does_not_move_them(looks: str) -> None:
    environment = make_robot_env(gaze=looks)
    gaze, plain = environment.arm.gaze, make_robot_env()
    assert gaze is not None and environment.action_space == plain.action_space
    first, _ = environment.reset(seed=1)
    assert environment.observation_space.shape == (16 + 2 * 5,)
    arm_q, eyes_q = environment.step_state.observation.position[environment.arm.moved], first[5:10]
    np.testing.assert_allclose(first[:5], arm_q, atol=1e-6)
    np.testing.assert_allclose(eyes_q, environment.step_state.observation.position[gaze.indices], atol=1e-6)
    before = off_axis_deg(gaze, environment.step_state.observation.position, point_of(environment, looks))
    for _ in range(40):
        last = environment.step(np.zeros(5, np.float32))[0]
    after = off_axis_deg(gaze, environment.step_state.observation.position, point_of(environment, looks))
    assert after < 0.75 * before and environment.observation_space.contains(last)
    again, _ = environment.reset(seed=1)
    assert again.tobytes() == first.tobytes()  # nothing is left of the episode before
    environment.close()
    plain.close()


def point_of(environment: RobotEnv, looks: str) -> np.ndarray:
    step_state = environment.step_state
    return step_state.hand if looks == "hand" else step_state.observation.target_position


def test_the_policy_may_turn_the_eyes_itself() -> None:
    environment = make_robot_env(gaze="action")
    assert environment.action_space.shape == (10,) and environment.observation_space.shape == (26,)
    environment.reset(seed=1)
    before = environment.step_state.observation.joint_target
    environment.step(np.concatenate([np.zeros(5), -np.ones(5)]).astype(np.float32))
    moved = environment.step_state.observation.joint_target != before
    assert moved[environment.arm.gaze.indices].all() and not moved[environment.arm.indices].any()  # type: ignore[union-attr]
    environment.close()


class Estimates:
    """A robot with an encoder that is right: the state is the target in the eyes' frame, and how certain it is."""

    def __init__(self, robot: Robot, gaze: Gaze):
        self.plant, self._gaze = robot, gaze
        self.joint_names, self.period_ns = robot.joint_names, robot.period_ns

    def reset(self, episode: Episode) -> Observation:
        return self._encoded(self.plant.reset(episode))

    def send(self, command: Command) -> None:
        self.plant.send(command)

    def receive(self, timeout_s: float | None = None) -> Observation:
        return self._encoded(self.plant.receive(timeout_s))

    def close(self) -> None:
        self.plant.close()

    def _encoded(self, observation: Observation) -> Observation:
        seen = self._gaze.seen(observation.position, observation.target_position)
        return dataclasses.replace(observation, srl_state=np.concatenate([seen, np.log([0.01, 0.01, 0.05])]))


class Hides(Estimates):
    """Like Estimates, but only eyes on a head that is turned to the right see the target; others are uncertain and wrong."""

    def _encoded(self, observation: Observation) -> Observation:
        if observation.position[self.joint_names.index("head_pan_joint")] < -1.4:
            return super()._encoded(observation)
        return dataclasses.replace(observation, srl_state=np.concatenate([[0.0, 0.0, 0.6], np.log([0.1, 0.1, 0.1])]))


class RightEncoder:
    id, state_dim, cameras, estimates = "right-0", 6, ("left_eye",), SEEN

    def encode_images(self, images: Any) -> Any:
        raise AssertionError


def test_the_eyes_look_at_the_estimate_of_an_encoder_that_sees_through_them() -> None:
    """The estimate is in the eyes' frame. The filter holds it in the root frame, while head and eyes turn."""
    from rl_trainer_ros import factories

    config = EnvConfig(
        srl_folder="none",
        gaze="estimate",
        observation_settings={"estimate": True},
        random_start=3,
        observation="srl_state",
    )
    made = parts(config, RightEncoder())
    gaze = made.arm.gaze
    assert gaze is not None
    robot = factories.simulated_robot(groups=requirements.groups(config))
    environment = RobotEnv(Estimates(robot, gaze), made.arm, made.task, made.action, made.observation, config)
    environment.reset(seed=0, options={"target": tuple(LEVEL)})
    for _ in range(40):
        seen = environment.step(np.zeros(5, np.float32))[0]
        step_state = environment.step_state
        np.testing.assert_allclose(seen[20:23], step_state.to_target, atol=1e-4)
    assert off_axis_deg(gaze, step_state.observation.position, LEVEL) < 0.5
    environment.close()


def eyes_that_hide(**settings: Any) -> RobotEnv:
    """Return an environment whose eyes look at the estimate of Hides."""
    from rl_trainer_ros import factories

    given: dict[str, Any] = {"observation": "srl_state", "observation_settings": {"estimate": True}}
    config = EnvConfig(srl_folder="none", gaze="estimate", **given, **settings)
    made = parts(config, RightEncoder())
    assert made.arm.gaze is not None
    robot = factories.simulated_robot(groups=requirements.groups(config))
    hides = Hides(robot, made.arm.gaze)
    return RobotEnv(hides, made.arm, made.task, made.action, made.observation, config)


SEARCH = {"head_roll_joint": -0.2, "head_pan_joint": -1.6}


def test_a_search_finds_what_the_eyes_do_not_see_where_they_look() -> None:
    """Head and eyes leave the posture as soon as the estimate is certain, and repeat it bit for bit. The arm is free."""
    ended: dict[str, list[Any]] = {}
    for name, search in {"none": {}, "search": SEARCH}.items():
        environment = eyes_that_hide(gaze_search=search, random_start=2)
        gaze = environment.arm.gaze
        assert gaze is not None
        for _ in range(2):
            environment.reset(seed=0, options={"target": tuple(LEVEL)})
            rows = []
            for _ in range(60):
                seen = environment.step(np.full(5, 0.3, np.float32))[0]
                rows.append(environment.step_state.observation.joint_target.copy())
            error = np.linalg.norm(seen[20:23] - environment.step_state.to_target)
            off = off_axis_deg(gaze, environment.step_state.observation.position, LEVEL)
            ended.setdefault(name, []).append((error, off, np.array(rows)))
        environment.close()
    indices = environment.arm.indices
    (error, off, rows), (_, _, repeated) = ended["search"]
    assert error < 0.05 and off < 5.0
    assert rows[:, 2].min() < -1.4 and rows.tobytes() == repeated.tobytes()
    error, off, unsearched = ended["none"][0]
    assert error > 0.1 and off > 5.0
    assert rows[:, indices].tobytes() == unsearched[:, indices].tobytes()


def test_a_search_that_finds_nothing_looks_at_the_estimate_in_between() -> None:
    environment = eyes_that_hide(gaze_search={"head_pan_joint": 0.8})
    environment.reset(seed=0)
    pan = []
    for _ in range(100):
        environment.step(np.zeros(5, np.float32))
        pan.append(float(environment.step_state.observation.joint_target[2]))
    searching = round(SEARCH_S / PERIOD_S)
    looking = searching + round(LOOK_S / PERIOD_S)
    assert pan[searching - 1] == pytest.approx(0.8, abs=1e-6)
    assert pan[looking - 1] < 0.7  # on the way back to the estimate
    assert pan[looking + searching - 1] == pytest.approx(0.8, abs=1e-6)
    environment.close()


def test_a_joint_of_a_posture_goes_there_while_the_others_follow_the_point() -> None:
    description = load_robot("inmoov", GROUPS)
    gaze = Gaze(description, PERIOD_S)
    limiter = TargetLimiter(description.limits, description.max_acceleration, PERIOD_S)
    limiter.restart(description.rest)
    posture = gaze.search_posture({"head_pan_joint": -0.5})
    pan = []
    for _ in range(80):
        limiter.accept(Command(0, gaze.joint_names, gaze.targets(limiter.target, LEVEL, posture)))
        pan.append(float(limiter.step()[2]))
    assert pan[-1] == pytest.approx(-0.5, abs=1e-6)
    assert min(pan) > -0.5 - 1e-6  # it does not overshoot
    assert off_axis_deg(gaze, limiter.target, LEVEL) < 0.5


def test_an_estimate_keeps_its_place_and_certainty_in_another_frame() -> None:
    """Uncertain along the optical axis: in the root frame, along the direction of this axis."""
    quarter = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])  # an optical frame that looks along x
    state = np.concatenate([[0.1, 0.2, 0.5], np.log([0.01, 0.02, 0.2])])
    moved = in_root(state, np.array([0.0, 0.0, 1.5]), quarter)
    np.testing.assert_allclose(moved[:3], [0.5, -0.1, 1.3])
    np.testing.assert_allclose(np.exp(moved[3:]), [0.2, 0.01, 0.02])


@pytest.fixture(scope="module")
def eyes_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of an encoder, hardly trained, of images of an eye that looks at an estimate."""
    from rl_trainer_ros import factories
    from rl_trainer_ros.cli.commands.train_srl import TrainSrlOptions, _settings, recorded

    folder = tmp_path_factory.mktemp("eyes")
    options = TrainSrlOptions(srl_model="target_estimate", gaze="estimate", images=100, epochs=1, image_size=48)
    cameras = ("left_eye",)
    source = factories.dataset(**recorded(dataclasses.replace(options, images=20), cameras, folder / "recording"))
    assert source.truth_names[-3:] == SEEN and source.images.shape == (20, 1, 48, 48, 3)
    depth = source.ground_truth[:, -1]
    assert depth.min() > 0.1 and depth.max() < 1.2  # in front of the eyes
    settings = factories.training_config("target_estimate", **_settings(options, cameras))
    encoder = factories.train_encoder(source, settings, folder, pictures=False)
    assert encoder.estimates == SEEN and encoder.metrics["seen"]["probe_error_cm"] > 0.0  # type: ignore[attr-defined]
    return folder


def test_an_encoder_of_eyes_that_look_brings_its_gaze_and_image_size(eyes_encoder: Path) -> None:
    """Training images tell the target from the eyes; a training with the encoder turns the eyes as those images did.

    It renders images of the size of those images too.
    """
    config = EnvConfig(srl_folder=str(eyes_encoder), observation_settings={"estimate": True})
    assert requirements.gaze_of(config) == "estimate" and requirements.robot_settings(config)["groups"] == GROUPS
    asked = {"cameras": ("left_eye",), "image_width": 48, "image_height": 48}
    assert asked.items() <= requirements.simulation_settings(config).items()
    environment = make_robot_env(srl_folder=str(eyes_encoder), observation_settings={"estimate": True})
    first, _ = environment.reset(seed=2)
    assert first.shape == (2 * 10 + 9,)
    rows = [environment.step(np.full(5, 0.5, np.float32))[0].tobytes() for _ in range(5)]
    assert environment.reset(seed=2)[0].tobytes() == first.tobytes()
    assert [environment.step(np.full(5, 0.5, np.float32))[0].tobytes() for _ in range(5)] == rows
    environment.close()


@pytest.mark.distil
@pytest.mark.parametrize("teacher_looks", [False, True])
def test_teacher_and_student_each_see_the_joints_of_their_own_eyes(eyes_encoder: Path, teacher_looks: bool) -> None:
    """A teacher whose eyes rest teaches a student whose eyes look, and the other way round."""
    from rl_trainer_ros.distillation.two_views import STUDENT, TEACHER, make_two_views

    still = EnvConfig()
    looking = EnvConfig(srl_folder=str(eyes_encoder), observation_settings={"estimate": True})
    student, teacher = (still, looking) if teacher_looks else (looking, still)
    environment, alone = make_two_views(student, teacher), make_robot_env()
    seen, own = environment.reset(seed=2)[0], alone.reset(seed=2)[0]
    of_still, of_looking = (STUDENT, TEACHER) if teacher_looks else (TEACHER, STUDENT)
    assert environment.observation_space.spaces[of_still] == alone.observation_space
    assert seen[of_looking].shape == (2 * 10 + 9,)
    np.testing.assert_allclose(seen[of_still], own, atol=1e-6)
    environment.close()
    alone.close()


@pytest.mark.distil
def test_a_student_of_an_encoder_of_eyes_looks_as_its_images_did(eyes_encoder: Path) -> None:
    from types import SimpleNamespace

    from rl_trainer_ros.distillation.distil_config import DistilConfig
    from rl_trainer_ros.distillation.teachers import seen_by_student

    given = {"srl_model": "target_estimate", "srl_folder": str(eyes_encoder)}
    for gaze in ("", "none", "target"):
        teacher: Any = SimpleNamespace(environment=EnvConfig(gaze=gaze))
        assert requirements.gaze_of(seen_by_student(teacher, DistilConfig(**given))) == "estimate"
    search = "{head_pan_joint: -1.6}"
    assert seen_by_student(teacher, DistilConfig(**given, gaze_search=search)).gaze_search == search
    teacher = SimpleNamespace(environment=EnvConfig(srl_folder=str(eyes_encoder), gaze_search=search))
    assert seen_by_student(teacher, DistilConfig()).gaze_search == search
    assert seen_by_student(teacher, DistilConfig(srl_model="ground_truth")).gaze_search == ""


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "settings, said",
    [
        (
            {"gaze": "hand", "robot": "kuka_iiwa"},
            "robot kuka_iiwa has no gaze; add one to its file, such as gaze: {frame",
        ),
        ({"gaze": "hnad"}, r"unknown gaze 'hnad' \(did you mean hand\?\)"),
        ({"gaze": "estimate"}, "gaze estimate needs an estimate of the target: srl_model:=target_estimate"),
        ({"gaze": "action", "action": "end_effector"}, "gaze action needs an action that moves joints"),
        (
            {"gaze": "target", "gaze_search": "{head_pan_joint: -1}"},
            "gaze_search has an effect only where the eyes look at an",
        ),
        ({"gaze_search": "{head_pan_joint: -1}"}, "gaze_search has an effect only where the eyes look at an estimate"),
        ({"gaze_search": "left"}, r"gaze_search is 'left'; expected a mapping of settings"),
    ],
)
def test_a_gaze_that_cannot_be_is_refused_in_one_line(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said) as refused:
        make_robot_env(**settings)
    assert "\n" not in str(refused.value)


def test_an_evaluation_with_another_search_than_in_training_says_so() -> None:
    from rl_trainer_ros.cli.commands.evaluate import EvaluateOptions, _conditions
    from rl_trainer_ros.training.trainer_config import TrainerConfig

    search = "{head_pan_joint: -1.6}"
    assert _conditions(EvaluateOptions(gaze_search=search), TrainerConfig()) == {"gaze_search": search}
    assert _conditions(EvaluateOptions(), TrainerConfig(gaze_search=search)) == {}


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "search, said",
    [
        ({"head_pam_joint": -1.0}, r"gaze_search: unknown joint 'head_pam_joint' \(did you mean head_pan_joint\?\)"),
        ({"r_elbow_flex_joint": -1.0}, "gaze_search: unknown joint 'r_elbow_flex_joint'"),
        ({"head_pan_joint": -2}, "gaze_search: head_pan_joint is -2 rad, outside its limits -1.745 to 1.571"),
        ({"head_pan_joint": "left"}, "gaze_search: head_pan_joint is 'left'; expected a position, rad"),
        ({"head_pan_joint": float("nan")}, "gaze_search: head_pan_joint is nan; expected a position, rad"),
    ],
)
def test_a_search_that_cannot_be_is_refused_in_one_line(search: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said) as refused:
        eyes_that_hide(gaze_search=search)
    assert "\n" not in str(refused.value)


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "written, said",
    [
        ("{frame: left_eye, joints: [head_pan_joint]}", "gaze: frame: unknown link 'left_eye'"),
        ("{frame: l_eye_camera_optical_frame, joints: [head_pam_joint]}", "gaze: unknown joint 'head_pam_joint'"),
        (
            "{frame: l_eye_camera_optical_frame, joints: [r_eye_pan_joint]}",
            "gaze: joint r_eye_pan_joint is in no group",
        ),
        ("{frame: l_eye_camera_optical_frame, joints: [jaw_joint]}", "gaze: joint jaw_joint does not turn l_eye_cam"),
        ("{frame: l_eye_camera_optical_frame}", "gaze needs a frame and its joints"),
    ],
)
def test_a_wrong_gaze_in_a_robot_file_is_one_line(written: str, said: str, tmp_path: Path) -> None:
    from robot_interface_ros.robot_config import robot_file

    lines = robot_file("inmoov").read_text().splitlines()
    at = lines.index("gaze:")
    file = tmp_path / "mine.yaml"
    file.write_text("\n".join([*lines[:at], f"gaze: {written}", *lines[at + 3 :]]) + "\n")
    with pytest.raises(ConfigError, match=said):
        make_robot_env(robot=str(file), gaze="hand")
