"""Films of episodes as GIF: every browser, README and image viewer plays them, and Pillow alone can write them."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from rl_trainer_ros.environments.rendering import Picture

_PALETTE_OF = 8
_NARROWEST = 96  # pixels: the text does not fit into a narrower image
_TEXT, _PAPER = (30, 30, 30), (255, 255, 255)
_LAST_S = 1.0  # time for which the last image of an episode is shown


class Film:
    """Collects images of the first episodes of an evaluation, with a caption: episode, step and success."""

    def __init__(
        self, environment: Any, episodes: int = 1, finish: Callable[[Picture], Picture] = lambda picture: picture
    ):
        """`environment`: one that renders; `episodes`: number of episodes in the film; `finish`: changes each image."""
        self._environment, self._n, self._finish = environment, episodes, finish
        self._episodes: dict[int, list[Picture]] = {}

    def watch(self, episode: int, steps: int, success: bool | None) -> None:
        """Render an image after `steps` steps, for `evaluate(watch=...)`. A repeated episode replaces its earlier images."""
        if episode >= self._n:
            return
        if steps == 0:
            self._episodes[episode] = []
        picture = captioned(self._environment.render(), caption(episode, steps, success))
        self._episodes[episode].append(self._finish(picture))

    def gif(self) -> bytes:
        """Return the film as GIF, at the robot's real speed."""
        return gif(self.episodes, self.fps)

    @property
    def episodes(self) -> list[list[Picture]]:
        """The images of each episode."""
        return list(self._episodes.values())

    @property
    def fps(self) -> float:
        """Images per second at the robot's real speed."""
        return float(self._environment.metadata["render_fps"])


def caption(episode: int, steps: int, success: bool | None) -> str:
    """Return the caption of an image. `episode` counts from 0; `success`: None until it is decided."""
    result = {None: "", True: "  success", False: "  no success"}[success]
    return f"episode {episode + 1}  step {steps}{result}"


def captioned(picture: Picture, text: str) -> Picture:
    """Return an image with a line of text in its upper left corner; an image that is too narrow is returned unchanged."""
    width = picture.shape[1]
    if width < _NARROWEST:
        return picture
    image = Image.fromarray(picture)
    drawing, letters = ImageDraw.Draw(image), font(max(10, width // 18))
    _, _, right, bottom = drawing.textbbox((4, 2), text, font=letters)
    drawing.rectangle((0, 0, right + 4, bottom + 3), fill=_PAPER)
    drawing.text((4, 2), text, fill=_TEXT, font=letters)
    return np.asarray(image)


def gif(episodes: list[list[Picture]], fps: float) -> bytes:
    """Return an endless GIF of the episodes' images, `(height, width, 3)` uint8 rgb, one episode after the other.

    All images share 256 colours. The time unit of a GIF is 1/100 s, and viewers replace delays below 2/100 s by 10/100 s.
    So at more than 50 images per second some are left out.
    """
    every = max(1, round(fps / 50.0 + 0.499))
    shown, lasts = [], []
    for episode in episodes:
        chosen = episode[:-1][::every] + episode[-1:]
        shown += chosen
        lasts += [round(100.0 * every / fps) * 10] * (len(chosen) - 1) + [round(1000 * _LAST_S)]
    colours = _colours(shown)
    pictures = [Image.fromarray(picture).quantize(palette=colours, dither=Image.Dither.NONE) for picture in shown]
    file = io.BytesIO()
    pictures[0].save(
        file, "GIF", save_all=True, append_images=pictures[1:], duration=lasts, loop=0, disposal=1, optimize=False
    )
    return file.getvalue()


def font(size: int) -> Any:
    """Return a font of about this size, pixels."""
    try:
        return ImageFont.load_default(size=size)
    except TypeError:  # Pillow before 10.1 has one size
        return ImageFont.load_default()


def _colours(pictures: list[Picture]) -> Image.Image:
    """Return a palette of 256 colours, computed from a few evenly spread images."""
    some = [pictures[i] for i in np.linspace(0, len(pictures) - 1, min(len(pictures), _PALETTE_OF), dtype=int)]
    height, width, _ = some[0].shape
    strip = Image.new("RGB", (width, height * len(some)))
    for i, picture in enumerate(some):
        strip.paste(Image.fromarray(picture), (0, i * height))
    return strip.quantize(256, dither=Image.Dither.NONE)
