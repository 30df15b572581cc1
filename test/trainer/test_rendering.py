"""Images of an environment: their content, that rendering changes nothing, and errors where it is impossible."""

from __future__ import annotations

import io
from types import SimpleNamespace

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.wrappers import RenderCollection
from PIL import Image, ImageSequence

import rl_trainer_ros  # noqa: F401  registers the ids
from rl_trainer_ros.arm.scripted import ScriptedReach
from rl_trainer_ros.environments.make_env import make_robot_env
from rl_trainer_ros.environments.rendering import view_of
from rl_trainer_ros.evaluation.episodes import evaluate
from rl_trainer_ros.evaluation.film import Film, caption, captioned, gif
from robot_interface_ros.config import ConfigError

pytestmark = pytest.mark.slow

ID = "rl_trainer_ros/InMoovReach-v0"


@pytest.mark.filterwarnings("error")
def test_gymnasiums_check_passes_with_pictures() -> None:
    environment = gymnasium.make(ID, render_mode="rgb_array", render_size=32)
    check_env(environment.unwrapped)
    environment.close()


def test_a_picture_shows_the_target_and_the_arm_that_moves() -> None:
    environment = make_robot_env(render_mode="rgb_array", render_size=96)
    pictures = []
    for target in ((0.3, -0.4, 1.2), (0.3, -0.4, 1.5)):
        environment.reset(seed=1, options={"target": target})
        pictures.append(environment.render())
    low, high = (_middle_of_red(picture) for picture in pictures)
    assert pictures[0].shape == (96, 96, 3) and pictures[0].dtype == np.uint8
    assert high < low - 10  # rows from above
    for _ in range(20):
        environment.step(np.array([0.0, -1.0, 0.0, 0.0, 0.0], dtype=np.float32))
    assert (environment.render() != pictures[1]).any(axis=2).sum() > 50
    environment.close()


@pytest.mark.equality
def test_drawing_changes_nothing() -> None:
    def states(**settings: object) -> list[np.ndarray]:
        environment = make_robot_env(**settings)
        seen = [environment.reset(seed=3)[0]]
        for _ in range(15):
            environment.render()
            seen.append(environment.step(np.full(5, 0.7, dtype=np.float32))[0])
        environment.close()
        return seen

    np.testing.assert_array_equal(states(), states(render_mode="rgb_array", render_size=32))


def test_wrappers_collect_pictures_at_the_rate_of_the_actions(random_encoder: str) -> None:
    """Through frames that are stacked, an encoder and an imperfect body; frames per second are those of the actions."""
    environment = RenderCollection(
        gymnasium.make(
            ID,
            render_mode="rgb_array",
            render_size=32,
            srl_folder=random_encoder,
            simulation={"imperfection": "mild"},
            frame_stack=2,
            action_repeat=2,
        )
    )
    environment.reset(seed=0)
    environment.step(environment.action_space.sample())
    assert [picture.shape for picture in environment.render()] == [(32, 32, 3)] * 2
    assert environment.metadata["render_fps"] == 10.0
    environment.close()


def test_over_topics_a_picture_is_the_camera_that_is_observed() -> None:
    robot, image = SimpleNamespace(), np.zeros((4, 4, 3), np.uint8)
    show = view_of(robot, ("left_eye", "external"))  # type: ignore[arg-type]
    assert show(SimpleNamespace(images={"external": image})) is image  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="render_mode rgb_array needs transport:=in_process, or over topics"):
        view_of(robot, ("left_eye",))  # type: ignore[arg-type]


@pytest.mark.bad_input
def test_what_cannot_be_rendered_is_one_line() -> None:
    with pytest.raises(ConfigError, match="unknown render_mode 'human'; known: rgb_array"):
        gymnasium.make(ID, render_mode="human")
    with pytest.raises(ConfigError, match="render_size is 4; allowed: 8 to 2048"):
        make_robot_env(render_mode="rgb_array", render_size=4)
    environment = make_robot_env()
    assert environment.render() is None
    with pytest.raises(RuntimeError, match="call reset"):
        make_robot_env(render_mode="rgb_array").render()


def _middle_of_red(picture: np.ndarray) -> float:
    """Return the row of the middle of the red pixels."""
    red, green, _ = np.moveaxis(picture.astype(int), 2, 0)
    return float(np.nonzero(red - green > 100)[0].mean())


def test_a_gif_plays_in_the_robots_own_time() -> None:
    """Two episodes at 20 Hz: 50 ms per image and 1 s for each last one; above 50 Hz images are left out, never the last."""
    shades = [np.full((6, 8, 3), 20 * i, np.uint8) for i in range(8)]
    assert _played(gif([shades[:3], shades[3:5]], 20.0)) == [(0, 50), (20, 50), (40, 1000), (60, 50), (80, 1000)]
    assert _played(gif([shades], 100.0)) == [(0, 20), (40, 20), (80, 20), (120, 20), (140, 1000)]


def test_a_film_leaves_out_what_was_cut() -> None:
    shades = iter(range(0, 200, 20))
    camera = SimpleNamespace(render=lambda: np.full((6, 8, 3), next(shades), np.uint8), metadata={"render_fps": 20.0})
    film = Film(camera, 2)
    for episode, steps in ((0, 0), (0, 1), (1, 0), (1, 0), (1, 1), (2, 0)):  # the second was repeated
        film.watch(episode, steps, None)
    assert [shade for shade, _ in _played(film.gif())] == [0, 20, 60, 80]


def test_a_films_pictures_say_episode_step_and_success() -> None:
    camera = SimpleNamespace(render=lambda: np.full((224, 224, 3), 120, np.uint8), metadata={"render_fps": 20.0})
    film, moments = Film(camera, 2), [(0, 0, None), (0, 1, None), (0, 2, True), (1, 0, None), (1, 1, False)]
    for step_state in moments:
        film.watch(*step_state)
    texts = [caption(*step_state) for step_state in moments]
    assert texts == [
        "episode 1  step 0",
        "episode 1  step 1",
        "episode 1  step 2  success",
        "episode 2  step 0",
        "episode 2  step 1  no success",
    ]
    pictures = [picture for episode in film._episodes.values() for picture in episode]
    assert len({picture.tobytes() for picture in pictures}) == 5
    for picture, text in zip(pictures, texts):
        np.testing.assert_array_equal(picture, captioned(camera.render(), text))
        changed = np.argwhere((picture != 120).any(axis=2))
        assert len(changed) > 200 and changed.max(axis=0)[0] < 24 and changed.max(axis=0)[1] < 220  # it fits in


def test_an_evaluation_tells_its_film_how_each_episode_ended() -> None:
    environment = make_robot_env()
    seen: list[tuple[int, int, bool | None]] = []
    scripted = ScriptedReach(environment.arm, 0.05)
    result = evaluate(
        lambda observation, env: scripted.act(env.step_state),
        environment,
        2,
        watch=lambda *step_state: seen.append(step_state),
    )
    environment.close()
    for episode in (0, 1):
        moments = [step_state[1:] for step_state in seen if step_state[0] == episode]
        assert [steps for steps, _ in moments] == list(range(int(result.steps[episode]) + 1))
        assert moments[-1][1] is bool(result.success[episode]) and {told for _, told in moments[:-1]} <= {None, True}


def _played(content: bytes) -> list[tuple[int, int]]:
    """Return shade and duration (ms) of each image of a GIF."""
    image = Image.open(io.BytesIO(content))
    assert image.size == (8, 6)
    return [
        (frame.convert("RGB").getpixel((0, 0))[0], frame.info["duration"]) for frame in ImageSequence.Iterator(image)
    ]
