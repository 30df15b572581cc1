"""Writes a film into a file: GIF, which everything shows, or MP4, which is smaller and needs the package av."""

from __future__ import annotations

import importlib.util
import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from robot_interface_ros.config import ConfigError
from robot_interface_ros.files.atomic_file import write_atomically
from robot_interface_ros.files.paths import check_file

if TYPE_CHECKING:
    from rl_trainer_ros.environments.rendering import Picture
    from rl_trainer_ros.evaluation.film import Film

_LAST_S = 1.0  # time for which the last image of an episode is shown


def check_film(name: str) -> None:
    """Raise ConfigError, one line, if a film with this name cannot be written."""
    path = Path(name)
    if path.suffix.lower() not in (".gif", ".mp4"):
        raise ConfigError(f"video is {name}; give the name of a .gif or .mp4 file")
    if path.suffix.lower() == ".mp4" and importlib.util.find_spec("av") is None:
        raise ConfigError(f"video is {name}, and MP4 needs the package av: pip install av; or name a .gif file")
    if not path.absolute().parent.is_dir():
        raise ConfigError(f"video is {name}, but there is no folder {path.absolute().parent}; make it first")
    check_file("video", name)


def save_film(film: Film, path: Path) -> None:
    """Write a film, and print where it is; if it cannot be written, print why: the results of the episodes must not be lost."""
    try:
        write_atomically(path, mp4(film.episodes, film.fps) if path.suffix.lower() == ".mp4" else film.gif())
    except OSError as error:
        print(f"the film cannot be written: {error}", file=sys.stderr, flush=True)
    else:
        print(f"film of the first episodes: {path}", flush=True)


def mp4(episodes: list[list[Picture]], fps: float) -> bytes:
    """Return an H.264 film of the episodes' images, `(height, width, 3)` uint8 rgb, of even width and height."""
    import av

    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=round(fps), options={"crf": "20"})
        height, width, _ = episodes[0][0].shape
        stream.width, stream.height, stream.pix_fmt = width - width % 2, height - height % 2, "yuv420p"
        for episode in episodes:
            for picture in [*episode, *[episode[-1]] * round(_LAST_S * fps)]:
                frame = av.VideoFrame.from_ndarray(picture[: stream.height, : stream.width].copy(), format="rgb24")
                container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return file.getvalue()
