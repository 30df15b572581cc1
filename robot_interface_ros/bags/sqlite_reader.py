"""Reads the SQLite3 files of `ros2 bag record`; they are opened read-only."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from robot_interface_ros.bags.errors import BagError
from robot_interface_ros.bags.layout import Recorded
from robot_interface_ros.bags.mcap_reader import Note, Types

LARGEST_MESSAGE = 2**28


def read_sqlite(path: Path, note: Note = print, types: Types = lambda topic, kind: None) -> Iterator[Recorded]:
    """Yield the messages of a file in order of time; see `read_mcap`."""
    # A file without a write-ahead log is complete. It is opened without a lock, so this works in a read-only folder.
    whole = "&immutable=1" if not path.with_name(f"{path.name}-wal").exists() else ""
    try:
        database = sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro{whole}", uri=True)
    except sqlite3.Error as error:
        raise BagError(f"{path} cannot be opened: {error}") from None
    try:
        database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LARGEST_MESSAGE) if hasattr(database, "setlimit") else None
        topics = {}
        for number, name, kind, form in database.execute("SELECT id, name, type, serialization_format FROM topics"):
            if form == "cdr" and isinstance(name, str):
                topics[number] = name
                types(name, str(kind))
        yield from _messages(database, path, topics, note)
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise BagError(f"{path} is no bag, or damaged: {error}") from None
    finally:
        database.close()


def _messages(database: sqlite3.Connection, path: Path, topics: dict[int, str], note: Note) -> Iterator[Recorded]:
    n, odd = 0, 0
    try:
        for number, time, data in database.execute(
            "SELECT topic_id, timestamp, data FROM messages ORDER BY timestamp, id"
        ):
            n += 1
            if number not in topics:
                continue
            if isinstance(data, bytes) and isinstance(time, int):
                yield Recorded(topics[number], time, data)
            else:
                odd += 1
    except (sqlite3.Error, MemoryError, OverflowError) as error:
        note(f"{path} can be read up to message {n:,}: {error}")
    if odd:
        note(f"{path}: {odd:,} messages have no bytes or no time, and are left out")
