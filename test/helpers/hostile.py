"""Invalid bytes and requests for tests, as an unknown node or a broken link may publish them."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from rclpy.node import Node
from rclpy.serialization import serialize_message

LENGTHS = (0xFFFFFFFF, 0x7FFFFFFF, 0x10000000, 1_000_000, 0)


def hostile_bytes(valid: Any, seed: int = 0, n: int = 10) -> Iterator[bytes]:
    """Return almost empty and random bytes, parts of a valid message, and messages with huge lengths or invalid text."""
    generator = np.random.default_rng(seed)
    whole = bytes(serialize_message(valid))
    yield from (b"\0", b"\0\1\0\0", b"\0\1\0\0" + b"\xff" * 20, b"\0\1\0\0" + b"\xff" * 4000)
    for _ in range(n):
        yield generator.bytes(int(generator.integers(1, 120)))
        yield b"\0\1\0\0" + generator.bytes(int(generator.integers(1, 120)))
        yield whole[: int(generator.integers(1, len(whole)))]
        at = int(generator.integers(4, max(5, len(whole) - 3)))
        yield whole[:at] + struct.pack("<I", LENGTHS[int(generator.integers(len(LENGTHS)))]) + whole[at + 4 :]
        at = int(generator.integers(4, len(whole)))
        yield whole[:at] + b"\xc3" + whole[at + 1 :]


class _Time(ctypes.Structure):
    _fields_ = (("sec", ctypes.c_uint64), ("nsec", ctypes.c_uint64))


class _Qos(ctypes.Structure):
    """rmw_qos_profile_t of rmw/types.h."""

    _fields_ = (
        ("history", ctypes.c_int),
        ("depth", ctypes.c_size_t),
        ("reliability", ctypes.c_int),
        ("durability", ctypes.c_int),
        ("deadline", _Time),
        ("lifespan", _Time),
        ("liveliness", ctypes.c_int),
        ("liveliness_lease_duration", _Time),
        ("avoid_ros_namespace_conventions", ctypes.c_bool),
    )


class _Options(ctypes.Structure):
    _fields_ = (("payload", ctypes.c_void_p), ("unique_network_flow_endpoints", ctypes.c_int))


class _Bytes(ctypes.Structure):
    _fields_ = (
        ("buffer", ctypes.c_char_p),
        ("length", ctypes.c_size_t),
        ("capacity", ctypes.c_size_t),
        ("allocator", ctypes.c_void_p * 5),
    )


def _library(name: str) -> ctypes.CDLL:
    with open("/proc/self/maps") as maps:
        return ctypes.CDLL(next(line.split()[-1] for line in maps if name in line))


class RawRequests:
    """Publishes bytes as requests to a service, because rclpy cannot send invalid requests."""

    def __init__(self, node: Node, kind: Any, service: str):
        """`kind`: type of the service; raises StopIteration if the middleware is not Fast DDS."""
        request = kind.Request
        request.__class__.__import_type_support__()
        capsule = request.__class__._TYPE_SUPPORT
        api = ctypes.pythonapi
        api.PyCapsule_GetName.restype, api.PyCapsule_GetName.argtypes = ctypes.c_char_p, [ctypes.py_object]
        api.PyCapsule_GetPointer.restype = ctypes.c_void_p
        api.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
        support = api.PyCapsule_GetPointer(capsule, api.PyCapsule_GetName(capsule))
        rcl, self._rmw = _library("librcl.so"), _library("librmw_fastrtps_cpp.so")
        rcl.rcl_node_get_rmw_handle.restype, rcl.rcl_node_get_rmw_handle.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
        handle = rcl.rcl_node_get_rmw_handle(node.handle.pointer)
        create = self._rmw.rmw_create_publisher
        create.restype = ctypes.c_void_p
        create.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_void_p]
        keep_last, reliable, volatile, automatic = 1, 1, 2, 1
        qos = _Qos(keep_last, 10, reliable, volatile, _Time(), _Time(), automatic, _Time(), True)
        topic = f"rq{service}Request".encode()
        self._publisher = create(handle, support, topic, ctypes.byref(qos), ctypes.byref(_Options()))
        assert self._publisher

    def matched(self) -> bool:
        """Return whether a server is connected."""
        count = ctypes.c_size_t()
        ask = self._rmw.rmw_publisher_count_matched_subscriptions
        ask.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
        ask(self._publisher, ctypes.byref(count))
        return count.value > 0

    def publish(self, data: bytes) -> None:
        """Send bytes as a request."""
        send: Callable[..., int] = self._rmw.rmw_publish_serialized_message
        send.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]  # type: ignore[attr-defined]
        send(self._publisher, ctypes.byref(_Bytes(data, len(data), len(data))), None)
