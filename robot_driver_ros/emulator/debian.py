"""Debian packages that the emulated board is made with. They are installed where this user is root, never through sudo."""

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
    """The emulator cannot be made here; one line that says what is missing."""


def install() -> None:
    """Install what is missing. Raises BuildError."""
    if shutil.which("gcc") and shutil.which("avr-gcc") and all(file.is_file() for file in FILES):
        return
    words = f"apt-get install -y {' '.join(PACKAGES)}"
    if not shutil.which("apt-get"):
        raise BuildError("the emulated board needs gcc, libelf, simavr 1.6, avr-gcc and avr-libc; install them")
    if os.geteuid() != 0:
        raise BuildError(f"the emulated board needs Debian packages that are not installed; run: sudo {words}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", *PACKAGES]):
        try:
            subprocess.run(arguments, check=True, env=environment, capture_output=True, text=True)
        except (OSError, subprocess.CalledProcessError) as error:
            said = (getattr(error, "stderr", "") or str(error)).strip().splitlines()
            raise BuildError(f"cannot install simavr ({said[-1] if said else error}); run: {words}") from None
