"""Imperfections without a simulator: files, sampling, and effects on signals."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from robot_interface_ros.config import ConfigError
from robot_interface_ros.robot import Observation
from robot_sim_ros.imperfection.actuation import Actuation
from robot_sim_ros.imperfection.config import (
    COMMANDED,
    Imperfection,
    imperfection_from,
    imperfection_names,
    load_imperfection,
)
from robot_sim_ros.imperfection.draw import Drawn, draw
from robot_sim_ros.imperfection.lines import DelayLine, LossyLine, Play
from robot_sim_ros.imperfection.look import Look
from robot_sim_ros.imperfection.sensing import Sensing

LINKS, JOINTS, CAMERAS = ("upper", "lower"), ("a", "b", "c"), ("external",)
TRUE = np.array([0.1, 0.2, 0.3])


def truth(step: int, position: np.ndarray = TRUE, image: int | None = None) -> Observation:
    images = {} if image is None else {"external": np.full((2, 2, 3), image, dtype=np.uint8)}
    return Observation(step, position, position * 0.0 + step, position * 0.0, np.ones(3), position, images)


# Files


def test_the_shipped_files_load_and_only_none_is_perfect() -> None:
    assert imperfection_names() == ["mild", "stock_servos", "strong"]
    for name in imperfection_names():
        assert load_imperfection(name).asked
    assert load_imperfection("").asked == load_imperfection("none").asked == ()
    assert load_imperfection("stock_servos").feedback == COMMANDED


def test_a_number_is_a_range_and_what_is_left_out_is_off(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("command_delay: 2\nbacklash: [0, 0.02]\nposition_noise: 0.0\n")
    mine = load_imperfection(str(path))
    assert (mine.command_delay, mine.backlash, mine.asked) == ((2, 2), (0.0, 0.02), ("backlash", "command_delay"))


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "values, named",
    [
        ({"back_lash": 0.1}, ["back_lash", "did you mean backlash", "link_mass_scale", "feedback"]),
        ({"backlash": [0.2, 0.1]}, ["backlash", "[0.1, 0.2]"]),
        ({"link_mass_scale": 0}, ["link_mass_scale", "0.1 to 10"]),
        ({"reading_drop": [0, 1]}, ["reading_drop", "0 to 0.99"]),
        ({"command_delay": [0, 1.5]}, ["command_delay", "a whole number"]),
        ({"joint_offset": [0.0]}, ["joint_offset", "1 entries; expected 2"]),
        ({"feedback": "guess"}, ["guess", "measured", "commanded"]),
        ({"feedback": "commanded", "position_noise": 0.1}, ["position_noise", "no effect", "commanded"]),
    ],
)
def test_a_bad_file_is_one_line_that_names_it(values: dict[str, object], named: list[str]) -> None:
    with pytest.raises(ConfigError) as error:
        imperfection_from(values, "mine.yaml")
    message = str(error.value)
    assert message.startswith("mine.yaml: ") and message.count("mine.yaml") == 1 and "\n" not in message
    for text in named:
        assert text in message


@pytest.mark.bad_input
def test_an_unknown_name_lists_what_is_shipped() -> None:
    with pytest.raises(
        ConfigError, match=r"unknown imperfection 'strnog' \(did you mean strong\?\); known: none, mild,"
    ):
        load_imperfection("strnog")


# Draws


def test_what_is_drawn_is_uniform_within_its_range() -> None:
    asked = Imperfection(link_mass_scale=(0.8, 1.2), command_delay=(0, 2), joint_offset=(-0.05, 0.05))
    drawn = [draw(asked, seed, LINKS, JOINTS) for seed in range(1000)]
    masses = np.array([list(one.link_mass_scale.values()) for one in drawn])
    assert masses.shape == (1000, 2) and 0.8 <= masses.min() < 0.81 and 1.19 < masses.max() <= 1.2
    assert masses.mean() == pytest.approx(1.0, abs=0.01)
    assert masses.std() == pytest.approx(0.4 / np.sqrt(12.0), rel=0.05)
    assert abs(np.corrcoef(masses.T)[0, 1]) < 0.1  # each link for itself
    np.testing.assert_allclose(np.bincount([one.command_delay for one in drawn]), 1000 / 3, atol=50)
    assert set(drawn[0].joint_offset) == set(JOINTS)


def test_the_same_seed_draws_the_same_and_one_more_key_changes_no_other() -> None:
    few = Imperfection(backlash=(0.0, 0.1), command_delay=(0, 9))
    more = dataclasses.replace(few, link_mass_scale=(0.5, 2.0), friction_scale=(0.5, 2.0))
    first, again = draw(few, 3, LINKS, JOINTS), draw(few, 3, LINKS, JOINTS)
    assert first == again and draw(few, 4, LINKS, JOINTS).backlash != first.backlash
    assert draw(more, 3, LINKS, JOINTS).backlash == first.backlash
    # An ordinary generator with the episode's seed gives other numbers.
    assert list(first.backlash.values()) != np.random.default_rng(3).uniform(0.0, 0.1, 3).tolist()


def test_the_record_survives_json_and_says_what_was_asked_for() -> None:
    strong = load_imperfection("strong")
    record = draw(strong, 7, LINKS, JOINTS, CAMERAS).record()
    assert tuple(record) == strong.asked
    assert json.loads(json.dumps(record)) == record
    assert len(record["camera_turn"]["external"]) == 3 and set(record["colour_scale"]) == {"robot", "target", "world"}
    blind = draw(strong, 7, LINKS, JOINTS).record()
    assert set(record) - set(blind) == {
        *("image_delay", "image_drop", "camera_shift", "camera_turn", "light_turn", "light_intensity", "colour_scale")
    }
    assert draw(Imperfection(), 7, LINKS, JOINTS, CAMERAS).record() == {}


# Lines


def test_a_delay_line() -> None:
    line = DelayLine(2, 0)
    assert [line(value) for value in (1, 2, 3, 4)] == [0, 0, 1, 2]
    assert [DelayLine[int](0)(value) for value in (5, 6)] == [5, 6]
    started = DelayLine[int](1)
    assert [started(value) for value in (7, 8, 9)] == [7, 7, 8]


def test_backlash_is_a_play_operator() -> None:
    """By hand, a gap of .2 around 0: pushed up, held on the way back, then dragged down by the other edge."""
    play = Play(np.array([0.2]), np.array([0.0]))
    inputs = [0.05, 0.1, 0.3, 0.2, 0.1, 0.0, -0.3, -0.2]
    outputs = [0.0, 0.0, 0.2, 0.2, 0.2, 0.1, -0.2, -0.2]
    np.testing.assert_allclose([play(np.array([value]))[0] for value in inputs], outputs, atol=1e-15)
    without = Play(np.zeros(1), np.zeros(1))
    assert [without(np.array([value]))[0] for value in inputs] == inputs


def test_a_lossy_line_repeats_as_often_as_it_is_told_and_never_loses_the_first() -> None:
    line = LossyLine(0.3, np.random.default_rng(0))
    received = [line(value) for value in range(5000)]
    assert received[0] == 0
    lost = [got != sent for sent, got in enumerate(received)]
    assert np.mean(lost) == pytest.approx(0.3, abs=0.02)
    assert all(received[k] == received[k - 1] for k in range(1, 5000) if lost[k])


# From command to servo, from truth to report


def test_commands_are_late_then_have_play_then_a_wrong_zero() -> None:
    drawn = Drawn(command_delay=1, backlash={"a": 0.2}, joint_offset={"b": 0.05})
    actuation = Actuation(drawn, JOINTS, np.zeros(3))
    np.testing.assert_allclose(actuation(np.full(3, 0.3)), [0.0, 0.05, 0.0])
    np.testing.assert_allclose(actuation(np.full(3, 0.4)), [0.2, 0.35, 0.3])
    np.testing.assert_allclose(actuation(np.full(3, 0.0)), [0.3, 0.45, 0.4])


def test_readings_have_a_wrong_zero_noise_and_a_delay() -> None:
    drawn = Drawn(joint_offset={"b": 0.05}, position_noise=0.01, velocity_noise=0.1, observation_delay=3)
    sensing = Sensing(drawn, JOINTS, 0.05)
    reports = [sensing(truth(step), TRUE) for step in range(2000)]
    assert [report.stamp for report in reports] == list(range(2000))
    positions = np.array([report.position for report in reports[3:]]) - TRUE
    np.testing.assert_allclose(positions.mean(axis=0), [0.0, -0.05, 0.0], atol=0.001)
    np.testing.assert_allclose(positions.std(axis=0), 0.01, rtol=0.06)
    velocities = np.array([report.velocity for report in reports[3:]]) - np.arange(1997)[:, None]
    np.testing.assert_allclose(velocities.std(axis=0), 0.1, rtol=0.06)
    np.testing.assert_array_equal(reports[0].position, reports[3].position)  # until the line is full
    again = Sensing(drawn, JOINTS, 0.05)
    assert all(np.array_equal(again(truth(step), TRUE).position, reports[step].position) for step in range(50))


def test_the_task_sees_the_target_as_it_is() -> None:
    sensing = Sensing(Drawn(observation_delay=2, reading_drop=0.5), JOINTS, 0.05)
    for step in range(10):
        moment = dataclasses.replace(truth(step), target_position=np.full(3, step), signals={"button_0": float(step)})
        report = sensing(moment, TRUE)
        assert report.target_position[0] == step and report.signals == {"button_0": step}


def test_servos_without_feedback_report_what_they_were_told() -> None:
    sensing = Sensing(Drawn(feedback=COMMANDED, joint_offset={"a": 0.5}), JOINTS, 0.05)
    first, second = sensing(truth(0), TRUE), sensing(truth(1), TRUE + 0.01)
    np.testing.assert_array_equal(first.position, TRUE)
    np.testing.assert_array_equal(first.velocity, 0.0)
    np.testing.assert_array_equal(second.position, TRUE + 0.01)
    np.testing.assert_allclose(second.velocity, 0.2)
    np.testing.assert_array_equal(second.effort, 0.0)


def test_images_are_late_and_lost_apart_from_readings() -> None:
    late = Sensing(Drawn(image_delay=1), JOINTS, 0.05)
    seen = [late(truth(step, image=step), TRUE) for step in range(4)]
    assert [report.images["external"][0, 0, 0] for report in seen] == [0, 0, 1, 2]
    assert [report.velocity[0] for report in seen] == [0, 1, 2, 3]
    lossy = Sensing(Drawn(image_drop=0.5), JOINTS, 0.05)
    pictures = [int(lossy(truth(step, image=step), TRUE).images["external"][0, 0, 0]) for step in range(200)]
    assert 70 < sum(picture != step for step, picture in enumerate(pictures)) < 130


# Looks


def test_a_turned_light_and_a_shifted_camera() -> None:
    assert Look().light_from((1.0, 2.0, 3.0)) == (1.0, 2.0, 3.0)
    np.testing.assert_allclose(
        Look(light_turn=(np.pi / 2, 0.0)).light_from((1.0, 0.0, 0.0)), (0.0, 1.0, 0.0), atol=1e-12
    )
    np.testing.assert_allclose(
        Look(light_turn=(0.0, np.pi / 4)).light_from((1.0, 0.0, 0.0)), (np.sqrt(0.5), 0.0, np.sqrt(0.5)), atol=1e-12
    )
    view = np.eye(4).ravel(order="F").tolist()  # at the origin, looking along -z, x to the right
    assert Look().view_of("external", view) is view

    def seen(look: Look, point: tuple[float, float, float]) -> np.ndarray:
        matrix = np.array(look.view_of("external", view)).reshape(4, 4, order="F")
        return (matrix @ np.array([*point, 1.0]))[:3]

    moved_right = Look(shift={"external": (0.1, 0.0, 0.0)})
    np.testing.assert_allclose(seen(moved_right, (0.0, 0.0, -1.0)), (-0.1, 0.0, -1.0))
    turned_left = Look(turn={"external": (0.0, np.pi / 2, 0.0)})  # about its upward axis: now it looks along -x
    np.testing.assert_allclose(seen(turned_left, (-1.0, 0.0, 0.0)), (0.0, 0.0, -1.0), atol=1e-12)
