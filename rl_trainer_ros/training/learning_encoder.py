"""An encoder that learns while a policy is trained on its states.

Each checkpoint that ends all episodes is a boundary. There the images of the robots since the last boundary are saved, the
encoder that was trained meanwhile replaces the present one, and a new training begins in a process of its own, with the images
so far. It has until the next boundary; the trainer waits for it there. So the results of a seed do not depend on the speed of
either, and a resumed run repeats them: images, encoders and trainings are all those of a boundary.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rl_trainer_ros import factories
from rl_trainer_ros.algorithms.registry import algorithm
from rl_trainer_ros.environments.environment import RobotEnv
from rl_trainer_ros.training.runs.encoders import ENCODERS
from rl_trainer_ros.training.trainer_config import TrainerConfig
from robot_interface_ros.config import ConfigError
from robot_interface_ros.errors import StopRequested

EPOCHS = 2
NEWEST = 8
"""Boundaries whose images a training sees."""
FEWEST = 40
"""Images below which no training begins."""
_POLL_S = 0.05
_TELL_S = 20.0
"""Time between two lines that say that the training waits."""


def check(config: TrainerConfig) -> None:
    """Raise ConfigError, in one line, if `srl_learns` cannot work with the other settings, or with this encoder."""
    if not config.srl_learns:
        return
    if algorithm(config.algo).replay:
        raise ConfigError(
            f"srl_learns does not work with algo {config.algo}: its replay buffer would hold states of older encoders; use "
            "ppo, trpo or a2c"
        )
    factories.check_encoder_learns(config.encoder_folder)


class LearningEncoder:
    """Trains the encoder of a run. See the module."""

    def __init__(
        self,
        config: TrainerConfig,
        run: Path,
        env: Any,
        evaluated: Sequence[RobotEnv],
        swapped: Callable[[str], None],
        report: Callable[[str], None],
        should_stop: Callable[[], bool],
    ):
        """`env`: the VecEnv of the training; `evaluated`: environments of evaluations, which may be added to later.

        `swapped`: called with the id of each new encoder.
        """
        self._config, self._folder, self._env, self._evaluated = config, run / ENCODERS, env, evaluated
        self._swapped, self._report, self._should_stop = swapped, report, should_stop
        self._current = Path(config.encoder_folder)
        self._process: subprocess.Popen[bytes] | None = None
        self._result = self._folder

    def begin(self, steps: int) -> None:
        """Begin, or continue after `steps` steps: the training that belongs to this boundary starts again."""
        self._folder.mkdir(exist_ok=True)
        encoder = factories.load_encoder(self._current)
        own = self._folder / encoder.id
        if not (own / "encoder.json").is_file():
            part = self._folder / f".{encoder.id}"  # renamed when it is whole: the training may be killed meanwhile
            for left in (part, own):
                shutil.rmtree(left, ignore_errors=True)
            shutil.copytree(self._current, part)
            part.rename(own)
        self._current = own
        self._env.env_method("keep_images")
        if steps:
            self._start(steps)

    def boundary(self, steps: int) -> None:
        """Replace the encoder by the one that was trained since the last boundary, and start to train the next one.

        On a full disk the present encoder stays, and one line says so.
        """
        try:
            self._swap()
            self._learn_next(steps)
        except OSError as error:
            self._report(f"the encoder does not learn until the next checkpoint: {error}; free disk space")

    def _learn_next(self, steps: int) -> None:
        """Save the images since the last boundary, and start to train the next encoder."""
        images, episodes, begin = [], [], 0
        for seen, episode in self._env.env_method("take_images"):
            if len(seen):
                images.append(seen)
                episodes.append(episode + begin)
                begin += int(episode.max()) + 1
        if images:
            encoder = factories.load_encoder(self._current)
            factories.save_images(
                self._folder / f"images_{steps:09d}.npz",
                np.concatenate(images),
                np.concatenate(episodes),
                encoder.cameras,
            )
        self._start(steps)

    def close(self) -> None:
        """End a training whose encoder is not used yet, finished or not; a resumed run starts it again."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            shutil.rmtree(self._result, ignore_errors=True)
        self._process = None

    def _start(self, steps: int) -> None:
        files = [path for path in sorted(self._folder.glob("images_*.npz")) if _steps(path) <= steps][-NEWEST:]
        if not files or sum(map(factories.images_in, files)) < FEWEST:
            return
        boundary = _steps(files[-1])
        self._result = self._folder / f".training_{boundary:09d}"
        self._process = factories.continue_encoder(
            self._current, files, self._result, (self._config.seed + boundary) % 2**31, EPOCHS
        )

    def _swap(self) -> None:
        """Wait for the training, and use its encoder. If it failed, say so and keep the present one."""
        if self._process is None:
            return
        begin = told = time.monotonic()
        log = self._result / "training.log"
        while self._process.poll() is None:
            if self._should_stop():
                raise StopRequested
            if time.monotonic() - told > _TELL_S:
                told = time.monotonic()
                self._report(f"waiting for the new encoder for {told - begin:.0f} s; {_last_line(log) or 'it begins'}")
            time.sleep(_POLL_S)
        failed, self._process = self._process.returncode, None
        if failed:
            reason = _killed(failed) or _last_line(log) or "no reason given"
            self._report(f"the encoder has not learned: {reason}; the training continues with the present one")
            return
        try:
            encoder = factories.load_encoder(self._result)
        except ValueError as error:
            self._report(f"the encoder has not learned: {error}; the training continues with the present one")
            return
        folder = self._folder / encoder.id
        if folder.exists():  # a resumed run makes it once more
            shutil.rmtree(self._result)
        else:
            self._result.rename(folder)
        self._current = folder
        self._env.env_method("use_encoder", str(folder))
        for environment in self._evaluated:
            environment.use_encoder(str(folder))
        self._swapped(encoder.id)
        self._report(f"new encoder {encoder.id}, waited {time.monotonic() - begin:.0f} s for it")


def _steps(path: Path) -> int:
    return int(path.stem.rpartition("_")[2])


def _killed(exit_code: int) -> str:
    """Return what killed a process; empty: it ended by itself."""
    if exit_code == -signal.SIGKILL:
        return "its process was killed by SIGKILL, as Linux does when memory runs short"
    return f"its process was killed by signal {-exit_code}" if exit_code < 0 else ""


def _last_line(log: Path) -> str:
    """Return the newest line of the training's process; empty: none."""
    try:
        return log.read_text(encoding="utf-8", errors="replace").strip().rpartition("\n")[2]
    except OSError:
        return ""
