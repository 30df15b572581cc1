"""Silence the output that PyBullet prints from C; merging fixed links alone prints hundreds of lines."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache


@contextmanager
def quiet_output() -> Iterator[None]:
    """Discard the process's standard output and error, also from C code. Python's exceptions are raised as usual."""
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
    """Discard standard output of C code from now on. Python's output and standard error are not affected.

    PyBullet's EGL plugin prints a line for every image.
    """
    libc = ctypes.CDLL(None)
    libc.fopen.restype = ctypes.c_void_p
    nowhere = libc.fopen(os.devnull.encode(), b"w")
    stream = ctypes.c_void_p.in_dll(libc, "stdout")  # the stream of every printf in this process
    if nowhere:
        libc.fflush(stream)
        stream.value = nowhere
