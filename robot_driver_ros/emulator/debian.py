"""Debian packages for building the emulated board. They are installed only if the user is root, never through sudo."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

PACKAGES = ("gcc", "libc6-dev", "libsimavr-dev", "libelf-dev", "gcc-avr", "avr-libc")
FILES = (
    Path("/usr/include/simavr/sim_avr.h"),
    Path("/usr/include/libelf.h"),
    Path("/usr/lib/avr/include/avr/io.h"),
)


class BuildError(RuntimeError):
    """The emulator cannot be built; the message is one line with the missing part."""


def install() -> None:
    """Install missing packages. Raises BuildError."""
    if shutil.which("gcc") and shutil.which("avr-gcc") and all(file.is_file() for file in FILES):
        return
    command = f"apt-get install -y {' '.join(PACKAGES)}"
    if not shutil.which("apt-get"):
        raise BuildError("the emulated board needs gcc, libelf, simavr 1.6, avr-gcc and avr-libc; install them")
    if os.geteuid() != 0:
        raise BuildError(f"the emulated board needs Debian packages that are not installed; run: sudo {command}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", *PACKAGES]):
        try:
            subprocess.run(arguments, check=True, env=environment, capture_output=True, text=True)
        except (OSError, subprocess.CalledProcessError) as error:
            lines = (getattr(error, "stderr", "") or str(error)).strip().splitlines()
            raise BuildError(f"cannot install simavr ({lines[-1] if lines else error}); run: {command}") from None
