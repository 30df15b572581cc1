"""Logs on a full disk: a row that cannot be written is lost, one line says so, and training goes on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stable_baselines3.common.logger import KVWriter

Report = Callable[[str], None]


class TolerantWriter(KVWriter):
    """A writer of stable-baselines3's logger that outlives a full disk."""

    def __init__(self, make: Callable[[], Any], report: Report, once: bool = False):
        """`make` opens the writer; after a failure it is opened anew, unless `once` says that it recovers by itself."""
        self._make, self._report, self._once = make, report, once
        self._writer: Any = make()
        self._failed = False

    def write(self, key_values: Any, key_excluded: Any, step: int = 0) -> None:
        """See KVWriter."""
        try:
            if self._writer is None:
                self._writer = self._make()
            self._writer.write(key_values, key_excluded, step)
            self._failed = False
        except OSError as error:
            if not self._once:
                self._writer = None
            if not self._failed:
                self._report(f"a log cannot be written ({error}); rows are lost, training goes on")
            self._failed = True

    def close(self) -> None:
        """See KVWriter."""
        try:
            if self._writer is not None:
                self._writer.close()
        except OSError as error:
            self._report(f"a log cannot be written ({error})")


class TolerantRows:
    """The same for the rows of stable-baselines3's Monitor."""

    def __init__(self, writer: Any, report: Report):
        self._writer, self._report = writer, report
        self._failed = False

    def write_row(self, row: dict[str, Any]) -> None:
        """Write one episode, or lose it."""
        try:
            self._writer.write_row(row)
            self._failed = False
        except OSError as error:
            if not self._failed:
                self._report(f"monitor.csv cannot be written ({error}); rows are lost, training goes on")
            self._failed = True

    def close(self) -> None:
        """Close the file."""
        try:
            self._writer.close()
        except OSError as error:
            self._report(f"monitor.csv cannot be written ({error})")
