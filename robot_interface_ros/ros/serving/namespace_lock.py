"""A lock per topic, so that one machine has one robot in a namespace. The kernel releases it, also after `kill -9`.

Discovery can take seconds to find another robot on the same machine; this lock finds it at once. Robots on other machines,
and robots that do not take the lock, are found only by discovery.
"""

from __future__ import annotations

import socket
import struct
import sys

_CREDENTIALS = struct.Struct("3i")  # struct ucred: process, user, group (unix(7), SO_PEERCRED)


class NamespaceLock:
    """Locks topics of a ROS domain on this machine, until `close` or the end of the process.

    A lock is a listening socket in Linux's abstract namespace. It leaves no file. All users and containers of a network
    namespace share it, as they share discovery. On other systems than Linux it does nothing.
    """

    def __init__(self) -> None:
        self._held: list[socket.socket] = []

    def hold(self, domain_id: int, topic: str) -> str:
        """Take the lock of a topic; return empty text, or the name of the process that has it already."""
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
        """Release all locks."""
        while self._held:
            self._held.pop().close()


def _holder(address: bytes) -> str:
    """Return the process that has the lock; the kernel answers, so a blocked process does not matter."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(1.0)
        try:
            client.connect(address)
            credentials = client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        except OSError:  # the process has ended since, or its queue is full
            return "another process"
    process = _CREDENTIALS.unpack(credentials)[0]
    return f"process {process}" if process > 0 else "another process"  # 0: a process in another container
