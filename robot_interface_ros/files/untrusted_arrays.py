"""Reads .npz archives from unknown authors: no pickles, and no more memory than the caller expects."""

from __future__ import annotations

import math
import zipfile
import zlib
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from robot_interface_ros.files.untrusted_files import FileError, one_line, open_regular, size_text

ENTRY_LIMIT = 1000
_CHUNK = 2**24
_OVERHEAD = 2**20  # bytes of an archive in addition to its arrays
_READERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


def read_npz(path: str | Path, limit: int) -> dict[str, NDArray[Any]]:
    """Return the arrays of an .npz file by name; together at most `limit` bytes. Raises FileError.

    The claimed size of an array is compared with its size in the archive before memory is allocated.
    """
    try:
        with open_regular(path, limit + _OVERHEAD) as stream, zipfile.ZipFile(stream) as archive:
            entries = archive.infolist()
            total = sum(entry.file_size for entry in entries)
            if len(entries) > ENTRY_LIMIT or total > limit + _OVERHEAD:
                raise FileError(
                    f"{path} claims to hold {len(entries):,} arrays of {size_text(total)}; expected at most {size_text(limit)}"
                )
            arrays = {}
            for entry in entries:
                with archive.open(entry) as content:
                    name = entry.filename.removesuffix(".npy")
                    arrays[name] = _array(content, entry.file_size, f"{path}: {name!r:.80}")
            return arrays
    # zipfile and NumPy raise many kinds of errors for incomplete, foreign, encrypted or damaged files.
    except (OSError, EOFError, ValueError, TypeError, KeyError, AttributeError, RuntimeError, MemoryError) as error:
        if isinstance(error, FileError):
            raise
        raise FileError(f"{path} is damaged or incomplete: {one_line(error)}") from None
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, SyntaxError, OverflowError) as error:
        raise FileError(f"{path} is damaged or incomplete, or not an .npz file: {one_line(error)}") from None


def _array(stream: IO[bytes], size: int, where: str) -> NDArray[Any]:
    version = npy.read_magic(stream)
    if version not in _READERS:
        raise FileError(f"{where} has .npy version {version}; expected 1.0 or 2.0")
    shape, fortran, dtype = _READERS[version](stream)
    if dtype.kind not in "biufUS" or dtype.itemsize == 0:
        raise FileError(f"{where} holds {dtype}; expected numbers or text")
    count = math.prod(shape)
    claimed, available = count * dtype.itemsize, size - stream.tell()
    if any(length < 0 for length in shape) or claimed != available:
        raise FileError(f"{where} claims shape {shape} of {dtype}, {claimed:,} bytes; the file has {available:,}")
    array = np.empty(count, dtype)
    view = memoryview(array.view(np.uint8).data) if count else memoryview(bytearray())
    done = 0
    while done < claimed:
        part = stream.read(min(_CHUNK, claimed - done))
        if not part:
            raise EOFError("it ends early")
        view[done : done + len(part)] = part
        done += len(part)
    return array.reshape(shape, order="F" if fortran else "C")
