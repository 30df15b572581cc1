"""PyBullet prints from C; merging fixed links alone gives hundreds of lines."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache


@contextmanager
def quiet_output() -> Iterator[None]:
    """Send what C code writes to the process's standard output and error to nowhere; Python's exceptions still arrive."""
    libc = ctypes.CDLL(None)

    def flush() -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        libc.fflush(None)

    flush()
    saved = [(fd, os.dup(fd)) for fd in (1, 2)]
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        for fd, _ in saved:
            os.dup2(nowhere, fd)
        yield
    finally:
        flush()
        for fd, copy in saved:
            os.dup2(copy, fd)
            os.close(copy)
        os.close(nowhere)


@cache
def silence_printf() -> None:
    """Send what C code prints to standard output to nowhere from now on; Python's own output and standard error stay.

    PyBullet's EGL plugin prints a line with every image.
    """
    libc = ctypes.CDLL(None)
    libc.fopen.restype = ctypes.c_void_p
    nowhere = libc.fopen(os.devnull.encode(), b"w")
    stream = ctypes.c_void_p.in_dll(libc, "stdout")  # what printf writes to, whoever calls it
    if nowhere:
        libc.fflush(stream)
        stream.value = nowhere
