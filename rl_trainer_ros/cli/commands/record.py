"""`rl_trainer record`: let a policy move robots, and record their messages into a bag."""

from __future__ import annotations

import dataclasses
import shutil
import sys
import time
from typing import TYPE_CHECKING, Any

from rl_trainer_ros.bringup import launch_arguments, ros_arguments
from rl_trainer_ros.bringup.setting_texts import from_words, parse_words
from rl_trainer_ros.cli.command import Command
from rl_trainer_ros.cli.shown_progress import INTERVAL_S
from rl_trainer_ros.recording.record_config import RecordConfig
from robot_interface_ros.command_lines import command_line
from robot_interface_ros.start import leaving_at_once

if TYPE_CHECKING:
    from rl_trainer_ros.recording.bag_sink import BagSink


def record(config: RecordConfig) -> int:
    """Record, and print a summary of the bag; return the exit code. Raises RobotError, ConfigError."""
    with leaving_at_once():
        from rl_trainer_ros.environments.make_env import parts
        from rl_trainer_ros.recording import record as recording
        from rl_trainer_ros.recording.bag_sink import BagSink

    job = recording.job_of(config)
    if not job.config.encoder_folder:
        parts(job.config.environment(), None)  # check the combination of settings before a bag is made
    progress, stop = RecordingProgress(job.config), recording.StopFlag()
    sink: BagSink | None = None

    def open_sink() -> BagSink:
        nonlocal sink
        sink = BagSink(recording.folder_of(job.config), progress.show)
        print(f"recording into {sink.folder}; Ctrl-C ends it", flush=True)
        progress.begin()
        return sink

    try:
        if job.config.transport == "topics":
            from rl_trainer_ros.ros.topic_recording import record_over_topics

            record_over_topics(job, open_sink, stop)
        else:
            with stop.handling():
                recording.record_in_process(job, open_sink(), stop)
    finally:
        progress.end()
        if sink is not None:
            sink.close()
            if not sink.messages:
                shutil.rmtree(sink.folder)
    if sink is None or not sink.messages:
        print("nothing was recorded", file=sys.stderr)
        return 1
    print(_summary(sink))
    return 0


class RecordingProgress:
    """Shows on standard error the progress of a recording, its size and the time left."""

    def __init__(self, config: RecordConfig):
        self._config = config
        self._began = self._last = time.monotonic()
        self._shown = 0

    def begin(self) -> None:
        """Start the clock of the recording."""
        self._began = self._last = time.monotonic()

    def show(self, sink: BagSink) -> None:
        """Print the progress, if enough time has passed since the last line."""
        if sys.stderr is None:
            return
        terminal, now = sys.stderr.isatty(), time.monotonic()
        if not terminal and now - self._last < INTERVAL_S:
            return
        self._last = now
        text = progress_line(self._config, sink.episodes, sink.steps, sink.size, now - self._began)
        if terminal:
            print(f"\r{text:<{self._shown}}", end="", file=sys.stderr, flush=True)
            self._shown = len(text)
        else:
            print(text, file=sys.stderr, flush=True)

    def end(self) -> None:
        """End the line of the progress on a terminal."""
        if self._shown:
            print(file=sys.stderr)
            self._shown = 0


def progress_line(config: RecordConfig, episodes: int, steps: int, size: int, elapsed_s: float) -> str:
    """Return episodes, steps, size, rate and time left in one line."""
    total = f" of {config.episodes:,}" if config.episodes and not config.steps else ""
    of_steps = f" of {config.steps:,}" if config.steps else ""
    done = max(
        steps / config.steps if config.steps else 0.0,
        episodes / config.episodes if config.episodes and not config.steps else 0.0,
    )
    left = f", {elapsed_s / done * (1.0 - min(done, 1.0)):.0f} s left" if done else ""
    rate = f"{steps / elapsed_s:,.0f} steps/s" if elapsed_s else ""
    return f"  {episodes:,}{total} episodes, {steps:,}{of_steps} steps, {size_text(size)}, {rate}{left}"


def size_text(size: int) -> str:
    """Return a number of bytes in MB, or GB."""
    return f"{size / 1e9:.2f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"


def _summary(sink: BagSink) -> str:
    lines = [
        f"recorded {sink.episodes:,} episodes, {sink.steps:,} steps, {sink.messages:,} messages, {size_text(sink.size)} in "
        f"{time.monotonic() - sink.began:.0f} s",
    ]
    if sink.episodes:
        lines.append(
            f"  success {100 * sink.successes / sink.episodes:.0f} %, mean return {sink.returns / sink.episodes:.2f}"
        )
    if sink.interrupted:
        lines.append(f"  {sink.interrupted:,} episodes were interrupted")
    lines += [f"  bag           {sink.folder}", f"  look at it    {command_line('dataset', f'bags:={sink.folder}')}"]
    return "\n".join(lines)


def _read(words: list[str]) -> RecordConfig:
    """Read the settings; `task.NAME:=VALUE` and similar words are added to task_settings."""
    texts: dict[str, str] = parse_words(words)
    parts = {name: texts.pop(name) for name in list(texts) if launch_arguments.part_of(name)}
    texts |= launch_arguments.with_parts(texts, parts) if parts else {}
    config = from_words(RecordConfig, [f"{name}:={text}" for name, text in texts.items()], "record")
    changes: dict[str, Any] = {}
    if config.namespaces:
        changes["namespaces"] = tuple(ros_arguments.placed(namespace) for namespace in config.namespaces)
    return dataclasses.replace(config, **changes) if changes else config


COMMAND = Command(
    "record",
    "record robots that a policy moves into a rosbag2 bag, for encoders, imitation and ros2 bag play",
    run=record,
    options=RecordConfig,
    read=_read,
    over_topics=True,
    examples=(
        "rl_trainer record episodes:=500 task.end_at_success:=false",
        "rl_trainer record run:=latest episodes:=100            # a trained policy, with its action probabilities",
        "rl_trainer record transport:=topics num_envs:=2        # robots that are served already",
        "rl_trainer record transport:=topics realtime:=true episodes:=0 keep_last_s:=60   # the last minute of a bench test",
    ),
)
