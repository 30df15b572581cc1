"""Checks the environment variables of ROS before ROS reads them, because the errors of ROS name no remedy. No ROS here."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from xml.etree import ElementTree

from robot_interface_ros.errors import RobotError

HIGHEST_DOMAIN = 232  # a higher one would give invalid DDS port numbers (RTPS 2.5, 9.6.2)
PROFILES = ("FASTDDS_DEFAULT_PROFILES_FILE", "FASTRTPS_DEFAULT_PROFILES_FILE")
DISCOVERY = (
    "ROS_DOMAIN_ID",
    "ROS_AUTOMATIC_DISCOVERY_RANGE",
    "ROS_LOCALHOST_ONLY",
    "ROS_STATIC_PEERS",
    "ROS_DISCOVERY_SERVER",
    "ROS_SUPER_CLIENT",
    "RMW_IMPLEMENTATION",
    *PROFILES,
    "FASTDDS_BUILTIN_TRANSPORTS",
    "CYCLONEDDS_URI",
    "ZENOH_ROUTER_CONFIG_URI",
    "ZENOH_SESSION_CONFIG_URI",
)
"""Variables that decide whether two nodes find each other."""


class RosEnvironmentError(RobotError, SystemExit):
    """ROS cannot start with these environment variables; the message is one line with cause and remedy.

    It may be raised on import. If it is not caught, only this line is printed, and the exit code is 1.
    """

    def __init__(self, line: str):
        super().__init__(line)
        self.code = line


def discovery_words(environ: Mapping[str, str] = os.environ) -> str:
    """Return a text that lists the variables of DISCOVERY that are set, with their values."""
    given = [f"{name}={environ[name]}{_remark(name, environ[name])}" for name in DISCOVERY if environ.get(name)]
    return f"discovery here: {', '.join(given)}" if given else "discovery here: nothing is set, so domain 0"


def check(environ: Mapping[str, str] = os.environ, domain_id: int | None = None) -> None:
    """Raise RosEnvironmentError for a variable with which ROS could not start.

    `domain_id`: used instead of ROS_DOMAIN_ID.
    """
    for fault in _faults(environ, domain_id):
        raise RosEnvironmentError(fault)


def start_error(error: Exception) -> RosEnvironmentError:
    """Return the error for a start that rcl itself refuses, with the remedy if it is known."""
    reason = " ".join(str(error).split())
    remedy = "set ROS_LOG_DIR to a writable folder" if "log" in reason else discovery_words()
    return RosEnvironmentError(f"ROS 2 does not start: {reason}; {remedy}")


def check_discovery(environ: Mapping[str, str] = os.environ) -> None:
    """Raise RosEnvironmentError if discovery is off; for programs that need other nodes."""
    if environ.get("ROS_AUTOMATIC_DISCOVERY_RANGE", "").upper() == "OFF":
        raise RosEnvironmentError(
            "ROS_AUTOMATIC_DISCOVERY_RANGE=OFF: nodes cannot find each other, even on this machine; unset it, or set "
            "LOCALHOST (this machine) or SUBNET (the network)"
        )


def check_middleware(environ: Mapping[str, str] = os.environ, probe: Callable[[], str] | None = None) -> None:
    """Raise RosEnvironmentError if RMW_IMPLEMENTATION is not installed: the import of rclpy would end the process.

    `probe`: tries this import in another process and returns its error, or empty text.
    """
    name = environ.get("RMW_IMPLEMENTATION", "")
    if not name or "rclpy" in sys.modules or _installed(name, environ):
        return
    if (probe or _import_elsewhere)():
        distro = environ.get("ROS_DISTRO")
        package = f"ros-{distro}-{name.replace('_', '-')}"
        remedy = (
            f"install it (apt install {package})" if distro else "use an installed ROS 2: the wheels have only Fast DDS"
        )
        raise RosEnvironmentError(
            f"RMW_IMPLEMENTATION={name} is not installed here: unset RMW_IMPLEMENTATION, or {remedy}"
        )


def _faults(environ: Mapping[str, str], domain_id: int | None) -> Iterable[str]:
    if not any(environ.get(name) for name in ("HOME", "ROS_HOME", "ROS_LOG_DIR")):
        yield "HOME is not set, and ROS writes its logs below HOME: set HOME, or ROS_LOG_DIR=/tmp"
    domain = environ.get("ROS_DOMAIN_ID", "").strip() if domain_id is None else str(domain_id)
    if domain and not (domain.isascii() and domain.isdigit() and int(domain) <= HIGHEST_DOMAIN):
        yield f"ROS_DOMAIN_ID={domain} is not a ROS domain: set a whole number from 0 to {HIGHEST_DOMAIN} (at best up to 101)"
    for peer in environ.get("ROS_STATIC_PEERS", "").split(";"):
        if peer.strip() and not _resolves(peer.strip()):
            yield f"ROS_STATIC_PEERS has '{peer}', an address that cannot be resolved: correct it (a;b;c), or unset it"
    for name in PROFILES:
        path = environ.get(name, "")
        if path and environ.get("RMW_IMPLEMENTATION", "rmw_fastrtps").startswith("rmw_fastrtps"):
            fault = _fault_of_profile(Path(path))
            if fault:
                yield f"{name}={path} {fault}: correct it, or unset {name}"


def _fault_of_profile(path: Path) -> str:
    try:
        ElementTree.parse(path)
    except OSError as error:
        return f"cannot be read ({(error.strerror or 'no such file').lower()})"
    except ElementTree.ParseError as error:
        return f"is not XML ({error})"
    return ""


def _resolves(peer: str) -> bool:
    try:
        socket.getaddrinfo(peer, None)
    except (OSError, UnicodeError):
        return False
    return True


def _remark(name: str, value: str) -> str:
    if (name, value) in (("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST"), ("ROS_LOCALHOST_ONLY", "1")):
        return " (only this machine)"
    return ""


def _installed(name: str, environ: Mapping[str, str]) -> bool:
    """Whether the middleware's library is in a folder of these variables; if not, it may still be in another folder."""
    prefixes = [Path(prefix) / "lib" for prefix in environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if prefix]
    folders = [Path(folder) for folder in environ.get("LD_LIBRARY_PATH", "").split(os.pathsep) if folder]
    return any((folder / f"lib{name}.so").exists() for folder in (*prefixes, *folders))


def _import_elsewhere() -> str:
    """Import rclpy in another process; return its error, or empty text."""
    run = subprocess.run([sys.executable, "-c", "import rclpy"], capture_output=True, text=True, timeout=60.0)
    return "" if run.returncode == 0 else run.stderr or f"exited with {run.returncode}"
