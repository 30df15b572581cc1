"""Compiles our own sketch, firmware/inmoov_servos, with plain avr-gcc: Arduino's core is not needed for it."""

from __future__ import annotations

import hashlib
import subprocess
import tempfile
from pathlib import Path

from robot_driver_ros.emulator.debian import BuildError
from robot_interface_ros.files.description import share_directory

NAME = "inmoov_servos"
COMPILE = ("-mmcu=atmega2560", "-DF_CPU=16000000UL", "-Os", "-std=gnu++11", "-Wall", "-Wextra", "-Werror", "-x", "c++")


def hex_file(folder: Path) -> Path:
    """Where in `folder` the firmware lies, of the sources as they are now."""
    digest = hashlib.sha256()
    for file in sorted(_folder().rglob("*")):
        if file.is_file():
            digest.update(file.name.encode() + file.read_bytes())
    return folder / f"{NAME}-{digest.hexdigest()[:12]}.hex"


def compile_sketch(folder: Path) -> None:
    """Make `hex_file(folder)`. Raises BuildError."""
    sketch = _folder() / NAME
    sources = [_folder() / "main.cpp", sketch / f"{NAME}.ino", *sorted(sketch.glob("*.cpp"))]
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        linked, made = str(Path(scratch) / "linked"), Path(scratch) / "made"
        _run("avr-gcc", *COMPILE, "-I", str(sketch), "-o", linked, *map(str, sources))
        _run("avr-objcopy", "-O", "ihex", "-R", ".eeprom", linked, str(made))
        made.rename(hex_file(folder))


def _folder() -> Path:
    return share_directory() / "firmware"


def _run(*words: str) -> None:
    result = subprocess.run(words, capture_output=True, text=True, check=False)
    if result.returncode:
        raise BuildError(f"{words[0]} cannot make {NAME}: {' '.join(result.stderr.split())[:500]}")
