"""Reads bags from any source: a folder with metadata.yaml, a single file, the files of a split bag; MCAP or SQLite3."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import zstandard

from robot_interface_ros.bags.bag_writer import METADATA
from robot_interface_ros.bags.errors import BagError
from robot_interface_ros.bags.layout import Recorded
from robot_interface_ros.bags.mcap_reader import LARGEST_CHUNK, Note, Types, read_mcap
from robot_interface_ros.bags.sqlite_reader import read_sqlite
from robot_interface_ros.files.untrusted_files import FileError, open_regular, read_yaml

_READERS = {".mcap": read_mcap, ".db3": read_sqlite}
_COMPRESSED = ".zstd"
_PACKED = b"\x28\xb5\x2f\xfd"
"""A message that begins so is compressed alone (zstd's magic number); one that is not begins with CDR's header, 0."""
_YAML_LIMIT = 4 * 2**20
_COPY = 2**20
LARGEST_DECOMPRESSED = 2**36


class Bag:
    """The files of one bag, in order."""

    def __init__(self, path: Path, files: tuple[Path, ...], notes: tuple[str, ...] = ()):
        """`notes`: faults of the folder."""
        self.path, self.files, self.notes = path, files, notes

    def messages(self, note: Note = print, types: Types = lambda topic, kind: None) -> Iterator[Recorded]:
        """Yield all readable messages; see `read_mcap`. Raises BagError if there are none."""
        for line in self.notes:
            note(line)
        refused, damaged = [], 0
        for file in self.files:
            try:
                with _unpacked(file) as plain:
                    said = _naming(note, plain, file)
                    for message in _READERS[plain.suffix](plain, said, types):
                        if not message.data.startswith(_PACKED):
                            yield message
                        elif (content := _decompressed(message.data)) is not None:
                            yield message._replace(data=content)
                        else:
                            damaged += 1
            except BagError as error:
                refused.append(str(error))
            except OSError as error:  # a full disk passes; what is left out would be left out for good
                raise BagError(f"{file} cannot be read: {error.strerror or error}") from None
        if damaged:
            note(f"{self.path}: {damaged:,} compressed messages are damaged and left out")
        if len(refused) == len(self.files):
            raise BagError(refused[0])
        for line in refused:
            note(line)


def find_bags(path: Path, note: Note = print) -> list[Bag]:
    """Return the bags of a path: a file, a folder, or a folder of several bags. Raises BagError if there is none."""
    if path.is_file():
        if _plain_suffix(path) not in _READERS:
            raise BagError(f"{path} is no bag: expected a folder with {METADATA}, a .mcap or a .db3 file")
        return [Bag(path, (path,))]
    if not path.is_dir():
        raise BagError(f"no bag {path}; check the path")
    bag = _of_folder(path)
    if bag is not None:
        return [bag]
    below = [found for folder in sorted(path.iterdir()) if folder.is_dir() and (found := _of_folder(folder))]
    if not below:
        raise BagError(f"{path} is no bag: it holds no {METADATA}, no .mcap and no .db3 file")
    note(f"{path} holds {len(below)} bags; all are read")
    return below


def _of_folder(folder: Path) -> Bag | None:
    """Return the bag in a folder; None if there is none."""
    there = sorted(
        (file for file in folder.iterdir() if _plain_suffix(file) in _READERS and file.is_file()), key=_split_order
    )
    if not (folder / METADATA).is_file():
        return Bag(folder, tuple(there), (f"{folder} has no {METADATA}; its files are read",)) if there else None
    notes: tuple[str, ...] = ()
    try:
        told = _told(folder)
    except FileError as error:
        return Bag(folder, tuple(there), (f"{error}; the folder's files are read",)) if there else None
    missing = [file.name for file in told if not file.is_file()]
    if missing:
        notes = (f"{folder}: {METADATA} names {len(missing)} files that are not there, the first {missing[0]}",)
    files = tuple(file for file in told if file.is_file())
    if not files and there:
        files, notes = tuple(there), (*notes, f"{folder}: the files that are there are read")
    if not files:
        raise BagError(f"{folder} is a bag without files: {METADATA} names {len(told)}, and none is there")
    return Bag(folder, files, notes)


def _told(folder: Path) -> list[Path]:
    """Return the files in metadata.yaml. Raises FileError."""
    values: Any = read_yaml(folder / METADATA, _YAML_LIMIT)
    about = values.get("rosbag2_bagfile_information") if isinstance(values, dict) else None
    names = about.get("relative_file_paths") if isinstance(about, dict) else None
    if not isinstance(about, dict) or not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise FileError(f"{folder / METADATA} is not as rosbag2 writes it")
    # older versions write paths from the folder above; a name never leads out of the folder
    files = [folder / Path(name).name for name in names]
    return [file for file in files if _plain_suffix(file) in _READERS]


def _decompressed(data: bytes) -> bytes | None:
    """Return a message that rosbag2 compressed alone; None for a damaged one, and for one that declares too much."""
    try:
        size = zstandard.frame_content_size(data)
        if size > LARGEST_CHUNK:
            return None
        most = 0 if size >= 0 else LARGEST_CHUNK
        return bytes(zstandard.ZstdDecompressor().decompress(data, max_output_size=most))
    except (zstandard.ZstdError, MemoryError):
        return None


def _naming(note: Note, plain: Path, file: Path) -> Note:
    """Return a note that names the bag's file in place of its decompressed copy."""
    return note if plain == file else lambda line: note(line.replace(str(plain), str(file)))


def _plain_suffix(file: Path) -> str:
    return file.with_suffix("").suffix if file.suffix == _COMPRESSED else file.suffix


def _split_order(file: Path) -> tuple[int, str]:
    """Return a sort key: files of a split bag end in _0, _1, ... _10."""
    number = file.name.partition(".")[0].rpartition("_")[2]
    return (int(number) if number.isdecimal() and len(number) < 10 else 0), file.name


@contextlib.contextmanager
def _unpacked(file: Path) -> Iterator[Path]:
    """Yield the file, or a temporary decompressed copy."""
    if file.suffix != _COMPRESSED:
        yield file
        return
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / file.with_suffix("").name
        try:
            with (
                open_regular(file, LARGEST_DECOMPRESSED) as packed,
                plain.open("wb") as out,
                zstandard.ZstdDecompressor().stream_reader(packed) as stream,
            ):
                while block := stream.read(_COPY):
                    out.write(block)
                    if out.tell() > LARGEST_DECOMPRESSED:
                        raise BagError(f"{file} decompresses to more than {LARGEST_DECOMPRESSED:,} bytes")
        except (zstandard.ZstdError, FileError) as error:
            raise BagError(f"{file} cannot be decompressed: {error}") from None
        except OSError as error:
            raise OSError(
                error.errno,
                f"its decompressed copy cannot be written in {folder} ({error.strerror}); make room, or set TMPDIR",
            ) from None
        yield plain
