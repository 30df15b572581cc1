"""Where recorded episodes go: into a bag, all of them, or the last seconds alone."""

from __future__ import annotations

import errno
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rl_trainer_ros.recording.episode_recorder import EpisodeSummary
from robot_interface_ros.bags import decoded, layout
from robot_interface_ros.bags.bag_writer import BagWriter
from robot_interface_ros.bags.contract_messages import text_message
from robot_interface_ros.bags.errors import BagError
from robot_interface_ros.bags.layout import Channel, Recorded


class RecordingError(BagError):
    """A recording that cannot continue; earlier episodes are in the bag. One line."""


class BagSink:
    """Writes every episode as a chunk of its own."""

    def __init__(self, folder: Path, report: Callable[[BagSink], None] = lambda sink: None):
        """`report` is called after each episode."""
        self._writer = BagWriter(folder)
        self._report = report
        self.began = time.monotonic()
        self.episodes = self.steps = self.successes = self.interrupted = 0
        self.returns = 0.0

    @property
    def folder(self) -> Path:
        """Of the bag."""
        return self._writer.folder

    @property
    def size(self) -> int:
        """Bytes in the bag."""
        return self._writer.size

    @property
    def messages(self) -> int:
        """Messages in the bag."""
        return self._writer.messages

    def write(self, channels: list[Channel], messages: list[Recorded]) -> None:
        """See Sink. Raises RecordingError where the disk takes no more; the file ends with its last whole chunk then."""
        try:
            self._writer.add(channels)
            self._writer.write_chunk(messages)
        except OSError as error:
            raise RecordingError(self._failure(error)) from None

    def end(self, summary: EpisodeSummary) -> None:
        """See Sink."""
        self.episodes += 1
        self.steps += summary.steps
        self.successes += summary.success
        self.interrupted += bool(summary.interrupted)
        self.returns += summary.episode_return
        self._report(self)

    def close(self) -> None:
        """End the file with its index. Raises RecordingError; the episodes can be read all the same."""
        try:
            self._writer.close()
        except OSError as error:
            raise RecordingError(self._failure(error)) from None

    def _failure(self, error: OSError) -> str:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        why = "the disk is full" if full else f"writing failed ({error.strerror or error})"
        return f"{why}: {self.episodes:,} whole episodes are in {self.folder}; make room, and record the rest into a new bag"


class KeepLast:
    """A ring buffer in front of a BagSink, for one robot: `dump` writes its last seconds.

    An episode that began before them gets a mark of its own where they begin, and one that is under way where they end.
    """

    def __init__(self, sink: BagSink, keep_s: float, wanted: Callable[[], bool] = lambda: False):
        """`wanted`: whether the buffer is to be written now; asked after each step."""
        self._sink, self._keep_ns, self._wanted = sink, round(keep_s * 1e9), wanted
        self._messages: deque[Recorded] = deque()
        self._channels: list[Channel] = []
        self._latched: list[Recorded] = []
        self._start: dict[str, Any] = {}
        self._begun: dict[str, Any] = {}  # start of the episode under way at the oldest message, whose mark is gone
        self._mark_topic = ""

    def write(self, channels: list[Channel], messages: list[Recorded]) -> None:
        """See Sink."""
        self._channels = channels
        latched = {channel.topic for channel in channels if channel.latched}
        for message in messages:
            if message.topic in latched:
                self._latched = [kept for kept in self._latched if kept.topic != message.topic] + [message]
                continue
            mark = self._mark(message)
            if mark.get("mark") == layout.START:
                self._start, self._mark_topic = mark, message.topic
            self._messages.append(message)
        if self._messages:
            oldest = self._messages[-1].time - self._keep_ns
            while self._messages[0].time < oldest:
                mark = self._mark(self._messages.popleft())
                if mark.get("mark") == layout.START:
                    self._begun = mark
        if self._wanted():
            self.dump()

    def end(self, summary: EpisodeSummary) -> None:
        """See Sink; an interrupted episode is written."""
        if summary.interrupted:
            self.dump()
        self._sink.end(summary)

    def dump(self) -> None:
        """Write the content of the buffer, and empty it."""
        kept = list(self._messages)
        if not kept or not self._start:
            return
        self._messages.clear()
        begun, self._begun = self._begun, self._start
        marks = [(i, mark) for i, message in enumerate(kept) if (mark := self._mark(message))]
        if not marks or marks[0][1]["mark"] == layout.END:
            kept.insert(0, self._marked({**begun, "stamp": kept[0].time, "cut": True}))
        if not marks or marks[-1][1]["mark"] == layout.START:
            about = {"steps": -1, "terminated": False, "truncated": True, "interrupted": "", "cut": True}
            kept.append(self._marked(layout.end_mark(self._start["episode"], kept[-1].time, **about)))
        self._sink.write(self._channels, [*self._latched, *kept])

    def _marked(self, mark: dict[str, Any]) -> Recorded:
        return Recorded(self._mark_topic, int(mark["stamp"]), text_message(layout.mark_text(mark)))

    @staticmethod
    def _mark(message: Recorded) -> dict[str, Any]:
        """The mark in a message; empty where it is another one."""
        if not message.topic.endswith(f"/{layout.EPISODE_MARK}"):
            return {}
        return layout.read_mark(decoded.text(message.data))
