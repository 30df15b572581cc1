"""One robot of a machine serves one topic: a lock that the kernel releases, also after `kill -9`.

Discovery can take seconds to show a robot of the same machine; this lock shows it at once. Robots of other machines, and
those that do not take the lock, are found by discovery alone.
"""

from __future__ import annotations

import socket
import struct
import sys

_CREDENTIALS = struct.Struct("3i")  # struct ucred: process, user, group (unix(7), SO_PEERCRED)


class NamespaceLock:
    """Holds a topic of a ROS domain on this machine, until `close` or the end of the process.

    It is a listening socket in Linux's abstract namespace: it leaves no file, all users of a network namespace share it,
    and so do the containers that discovery reaches without leaving the machine. Elsewhere than on Linux it does nothing.
    """

    def __init__(self) -> None:
        self._held: list[socket.socket] = []

    def hold(self, domain_id: int, topic: str) -> str:
        """Take the lock; return an empty text, or the name of the process that holds it already."""
        if sys.platform != "linux":
            return ""
        address = f"\0rl_trainer_ros/{domain_id}{topic}".encode()[:107]  # sun_path has room for 108 bytes
        lock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            lock.bind(address)
        except OSError:
            lock.close()
            return _holder(address)
        lock.listen(16)
        self._held.append(lock)
        return ""

    def close(self) -> None:
        """Release every lock that is held."""
        while self._held:
            self._held.pop().close()


def _holder(address: bytes) -> str:
    """Return the process that listens there; the kernel answers, whatever that process is doing."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(1.0)
        try:
            client.connect(address)
            credentials = client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        except OSError:  # it has ended since, or its queue is full
            return "another process"
    process = _CREDENTIALS.unpack(credentials)[0]
    return f"process {process}" if process > 0 else "another process"  # 0: of another container
