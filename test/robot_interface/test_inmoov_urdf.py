"""InMoov's description: joints, kinematics, symmetry, mimics, fixed groups, masses."""

import math
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
import yaml
from inmoov_urdf import inmoov_text

from robot_interface_ros.files.description import share_directory
from robot_interface_ros.urdf.robot_model import RobotModel

pytestmark = pytest.mark.xdist_group("inmoov_urdf")
GROUPS = ("waist", "head", "eyes", "jaw", "right_arm", "left_arm", "right_hand", "left_hand")
PI = 3.14159
# name: axis, lower, upper (rad), speed (rad/s); the left arm follows by mirror symmetry, but for its elbow.
JOINTS = {
    "waist_pan_joint": ("z", -1.571, 1.571, 0.35),
    "waist_roll_joint": ("x", -0.262, 0.262, 0.35),
    "head_roll_joint": ("-x", -0.262, 0.262, 0.79),
    "head_tilt_joint": ("y", -0.349, 0.349, 0.79),
    "head_pan_joint": ("z", -1.745, 1.571, 0.79),
    "jaw_joint": ("y", 0.0, 0.087, 2.9),
    "eyes_tilt_joint": ("y", -0.262, 0.262, 2.0),
    "l_eye_pan_joint": ("z", -0.524, 0.524, 2.0),
    "r_shoulder_out_joint": ("x", -1.047, -0.087, 0.61),
    "r_shoulder_lift_joint": ("y", -2.356, 0.785, 0.35),
    "r_upper_arm_roll_joint": ("z", -1.571, 1.571, 0.35),
    "r_elbow_flex_joint": ("y", -1.396, -0.262, 0.61),
    "r_wrist_roll_joint": ("z", -PI, 0.0, 0.79),
    "r_thumb_joint": ("y", -0.087, 1.134, 0.79),
    "r_index_joint": ("y", -0.087, 1.484, 0.79),
    "r_middle_joint": ("y", -0.087, 1.484, 0.79),
    "r_ring_joint": ("y", -0.087, 1.484, 0.79),
    "r_pinky_joint": ("y", -0.087, 1.484, 0.79),
    "l_shoulder_out_joint": ("x", 0.087, 1.047, 0.61),
    "l_shoulder_lift_joint": ("y", -2.356, 0.785, 0.35),
    "l_upper_arm_roll_joint": ("z", -1.571, 1.571, 0.35),
    "l_elbow_flex_joint": ("y", -1.484, -0.262, 0.61),
    "l_wrist_roll_joint": ("z", 0.0, PI, 0.79),
    "l_thumb_joint": ("y", -0.087, 1.134, 0.79),
    "l_index_joint": ("y", -0.087, 1.484, 0.79),
    "l_middle_joint": ("y", -0.087, 1.484, 0.79),
    "l_ring_joint": ("y", -0.087, 1.484, 0.79),
    "l_pinky_joint": ("y", -0.087, 1.484, 0.79),
}
MIMICS = {
    "r_eye_pan_joint": ("l_eye_pan_joint", 1.0),
    **{
        f"{side}_{bone}_joint": (f"{side}_{finger}_joint", factor)
        for side, mirror in (("r", 1.0), ("l", -1.0))
        for bone, finger, factor in (
            ("thumb1", "thumb", 0.75 * mirror),
            ("thumb3", "thumb", 1.0),
            ("index1", "index", 1.0),
            ("index3", "index", 1.0),
            ("middle1", "middle", 1.0),
            ("middle3", "middle", 1.0),
            ("ring1", "ring", -0.1 * mirror),
            ("ring3", "ring", 1.0),
            ("ring4", "ring", 1.0),
            ("pinky1", "pinky", -0.1 * mirror),
            ("pinky3", "pinky", 1.0),
            ("pinky4", "pinky", 1.0),
        )
    },
}
AXES = {"x": (1, 0, 0), "-x": (-1, 0, 0), "y": (0, 1, 0), "z": (0, 0, 1)}


@pytest.fixture(scope="module")
def model() -> RobotModel:
    return RobotModel.from_urdf(inmoov_text())


def posture(model: RobotModel, **angles: float) -> np.ndarray:
    """All joints at zero but the named ones (rad)."""
    q = np.zeros(len(model.joint_names))
    for name, angle in angles.items():
        q[model.index([f"{name}_joint"])] = angle
    return q


def test_joints_axes_limits_and_speeds(model: RobotModel) -> None:
    assert sorted(model.joint_names) == sorted(JOINTS)
    assert sum(joint.type == "revolute" for joint in model.joints.values()) == 53
    limits = model.limits()
    for name, lower, upper, velocity in zip(limits.names, limits.lower, limits.upper, limits.velocity, strict=True):
        axis, *expected = JOINTS[name]
        assert (lower, upper, velocity) == pytest.approx(expected, abs=1e-5), name
        assert model.joints[name].axis == AXES[axis], name
    assert np.all(limits.effort > 0.0)
    assert np.all(limits.effort <= 30.0)


@pytest.mark.parametrize(
    "angles, link, expected",
    [
        ({}, "torso", (0, 0, 1.262)),
        ({}, "r_shoulder_base", (0, -0.143, 1.560)),
        ({}, "r_forearm", (-0.028, -0.221, 1.237)),
        ({}, "r_hand", (-0.042, -0.211, 0.948)),
        ({}, "l_hand", (-0.042, 0.211, 0.948)),
        ({"r_elbow_flex": -1.396}, "r_hand", (0.254, -0.211, 1.172)),
        ({"r_shoulder_lift": -math.pi / 2}, "r_hand", (0.572, -0.211, 1.478)),
        ({}, "r_palm", (-0.042, -0.211, 0.883)),
        ({}, "chest_depth_camera", (0, 0, 1.328)),
    ],
)
def test_forward_kinematics(
    model: RobotModel, angles: dict[str, float], link: str, expected: tuple[float, float, float]
) -> None:
    """Worked out by hand from the published origins, to the millimetre."""
    np.testing.assert_allclose(model.link_poses(posture(model, **angles))[link][0], expected, atol=6e-4)


def test_arm_lengths(model: RobotModel) -> None:
    at = {link: pose[0] for link, pose in model.link_poses(posture(model)).items()}
    assert np.linalg.norm(at["r_forearm"] - at["r_shoulder"]) == pytest.approx(0.292, abs=6e-4)
    assert np.linalg.norm(at["r_hand"] - at["r_forearm"]) == pytest.approx(0.289, abs=6e-4)
    assert at["r_hand"][2] - at["r_middle1"][2] == pytest.approx(0.123, abs=6e-4)


@pytest.mark.parametrize("side, sign", [("l", 1), ("r", -1)])
def test_eye_cameras_look_ahead(model: RobotModel, side: str, sign: int) -> None:
    poses = model.link_poses(posture(model))
    # The neck stands 1 mm off centre, and the published figures are rounded: within 1.5 mm.
    np.testing.assert_allclose(poses[f"{side}_eye_camera"][0], (0.075, sign * 0.033, 1.793), atol=1.5e-3)
    assert poses["face"][0][2] == pytest.approx(1.796, abs=6e-4)
    position, rotation = poses[f"{side}_eye_camera_optical_frame"]
    np.testing.assert_allclose(position, poses[f"{side}_eye_camera"][0])
    # REP-103: z forward, x right, y down.
    np.testing.assert_allclose(rotation, [[0, 0, 1], [-1, 0, 0], [0, -1, 0]], atol=1e-12)
    turned = model.link_poses(posture(model, l_eye_pan=0.3, head_pan=0.2))[f"{side}_eye_camera_optical_frame"][1]
    np.testing.assert_allclose(turned[:, 2], [math.cos(0.5), math.sin(0.5), 0], atol=1e-12)


def test_arms_are_mirror_images(model: RobotModel) -> None:
    mirror = np.diag([1.0, -1.0, 1.0])
    rng = np.random.default_rng(7)
    pairs = 0
    for _ in range(20):
        q = np.zeros(len(model.joint_names))
        for name in model.joint_names:
            if name.startswith("r_"):
                right, left = model.index([name, f"l_{name[2:]}"])
                q[right] = rng.uniform(-1.5, 1.5)
                q[left] = q[right] if model.joints[name].axis == AXES["y"] else -q[right]
        poses = model.link_poses(q)
        for link in model.links:
            if link.startswith("r_") and "eye" not in link:  # the neck stands 1 mm to the right
                position, rotation = poses[link]
                np.testing.assert_allclose(poses[f"l_{link[2:]}"][0], mirror @ position, atol=1e-12, err_msg=link)
                np.testing.assert_allclose(
                    poses[f"l_{link[2:]}"][1], mirror @ rotation @ mirror, atol=1e-12, err_msg=link
                )
                pairs += 1
    assert pairs == 20 * 23  # shoulder base, shoulder, bicep, forearm, hand, palm and 17 bones


def test_shapes_are_mirror_images(model: RobotModel) -> None:
    for link, shapes in model.collisions.items():
        if link.startswith("r_"):
            assert [(s.kind, s.size, (s.xyz[0], -s.xyz[1], s.xyz[2])) for s in shapes] == [
                (s.kind, s.size, s.xyz) for s in model.collisions[f"l_{link[2:]}"]
            ], link


@pytest.mark.parametrize("name", MIMICS)
def test_each_mimic_moves_by_its_multiplier(model: RobotModel, name: str) -> None:
    source, multiplier = MIMICS[name]
    joint = model.joints[name]
    angle = 0.4
    turns = []
    for q in (posture(model), posture(model, **{source.removesuffix("_joint"): angle})):
        poses = model.link_poses(q)
        turns.append(poses[joint.parent][1].T @ poses[joint.child][1])
    turned = turns[0].T @ turns[1]
    spin = np.array([turned[2, 1] - turned[1, 2], turned[0, 2] - turned[2, 0], turned[1, 0] - turned[0, 1]]) / 2
    np.testing.assert_allclose(spin, np.sin(multiplier * angle) * np.array(joint.axis), atol=1e-12)
    reach = sorted(multiplier * bound for bound in (model.joints[source].lower, model.joints[source].upper))
    assert [joint.lower, joint.upper] == pytest.approx(reach)


def test_mimics_are_all_there(model: RobotModel) -> None:
    assert {joint.name for joint in model.mimic_joints} == set(MIMICS)
    assert len(MIMICS) == 25


def test_fingers_close_towards_the_palm(model: RobotModel) -> None:
    """The palms look back at zero, so closing carries every fingertip backwards."""
    for side in ("r", "l"):
        tips = {"thumb": "thumb3", "index": "index3", "middle": "middle3", "ring": "ring4", "pinky": "pinky4"}
        for finger, tip in tips.items():
            before = model.link_poses(posture(model))[f"{side}_{tip}"][0]
            after = model.link_poses(posture(model, **{f"{side}_{finger}": 0.8}))[f"{side}_{tip}"][0]
            assert after[0] < before[0] - 0.015, (side, finger)


@pytest.mark.parametrize("articulated", ["right_arm", "waist head", "eyes jaw right_hand", "left_arm left_hand"])
def test_other_groups_are_frozen_where_their_limits_allow(model: RobotModel, articulated: str) -> None:
    part = RobotModel.from_urdf(inmoov_text(articulated))
    assert part.links == model.links
    assert tuple(part.joints) == tuple(model.joints)
    assert 0 < len(part.joint_names) < 28
    # Frozen at zero, or at the rest pose of the robot's configuration: head and eyes, and what may not be at zero.
    limits = model.limits()
    config = yaml.safe_load((share_directory() / "config/robots/inmoov.yaml").read_text())["rest"]
    looking = {"head_pan_joint", "head_tilt_joint", "eyes_tilt_joint"}
    rest = {
        name: 0.0 if lower <= 0.0 <= upper and name not in looking else config[name]
        for name, lower, upper in zip(limits.names, limits.lower, limits.upper, strict=True)
    }
    assert sorted(rest.values()) == [-0.4, -0.4, -0.3, -0.2, *[0.0] * 21, 0.2, 0.25, 0.34]
    for name in part.joint_names:
        rest[name] = part.joints[name].upper
    whole = model.link_poses([rest[name] for name in model.joint_names])
    for link, (position, rotation) in part.link_poses([rest[name] for name in part.joint_names]).items():
        np.testing.assert_allclose(position, whole[link][0], atol=1e-12, err_msg=link)
        np.testing.assert_allclose(rotation, whole[link][1], atol=1e-12, err_msg=link)


@pytest.mark.slow
def test_groups_part_the_joints(model: RobotModel) -> None:
    names = [RobotModel.from_urdf(inmoov_text(group)).joint_names for group in GROUPS]
    assert [len(group) for group in names] == [2, 3, 2, 1, 5, 5, 5, 5]
    assert {name for group in names for name in group} == set(model.joint_names)
    assert RobotModel.from_urdf(inmoov_text(" ".join(GROUPS))).joint_names == model.joint_names


@pytest.mark.bad_input
@pytest.mark.parametrize("articulated, named", [("right_arm tail", "tail"), ("", "none given")])
def test_an_unknown_group_is_refused_with_the_known_ones(articulated: str, named: str) -> None:
    with pytest.raises(ValueError, match=f"unknown joint groups: .*{named}") as caught:
        inmoov_text(articulated)
    assert all(group in str(caught.value) for group in (*GROUPS, "all"))
    assert "\n" not in str(caught.value)


def masses_of_fingers() -> list[str]:
    counts = {"thumb": 3, "index": 3, "middle": 3, "ring": 4, "pinky": 4}
    return [f"{finger}{bone + 1}" for finger, count in counts.items() for bone in range(count)]


def test_masses_and_inertias_are_those_of_solid_bodies() -> None:
    masses = {}
    for link in ElementTree.fromstring(inmoov_text()).iter("link"):
        inertial = link.find("inertial")
        assert inertial is not None, link.get("name")  # PyBullet makes it 1 kg otherwise
        mass, inertia = inertial.find("mass"), inertial.find("inertia")
        assert mass is not None
        assert inertia is not None
        masses[link.get("name")] = float(mass.get("value", "nan"))
        x, y, z = (float(inertia.get(key, "nan")) for key in ("ixx", "iyy", "izz"))
        if masses[link.get("name")] == 0.0:
            assert (x, y, z) == (0.0, 0.0, 0.0)
            continue
        assert x < y + z, link.get("name")  # no mass can have it otherwise
        assert y < x + z, link.get("name")
        assert z < x + y, link.get("name")
        assert max(x, y, z) < masses[link.get("name")] * 0.3**2, link.get("name")  # nothing is wider than .6 m
    fingers = sum(masses[f"r_{bone}"] for bone in masses_of_fingers())
    assert fingers == pytest.approx(0.105, abs=0.001)
    assert masses["r_bicep"] == pytest.approx(0.458 + 0.30)  # two HS-805BB
    assert masses["r_forearm"] == pytest.approx(0.402 + 0.40)
    moving = sum(mass for name, mass in masses.items() if name != "base")
    assert 11.0 < moving < 15.0


def test_the_skull_is_as_high_as_the_real_one(model: RobotModel) -> None:
    shape = model.collisions["head"][0]
    top = model.link_poses(posture(model))["head"][0][2] + shape.xyz[2] + shape.size[2] / 2
    assert top == pytest.approx(1.893, abs=2e-3)
