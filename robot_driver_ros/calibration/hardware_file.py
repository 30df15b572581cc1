"""Writes a hardware file: one line per servo, and only values that differ from the defaults."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from robot_driver_ros.servos.pulse_tables import HardwareConfig
from robot_interface_ros.files.atomic_file import write_atomically

_HEAD = "# Boards and servos; the settings are explained in docs/inmoov_hardware.md and config/robots/inmoov_hardware.yaml.\n"


def hardware_text(config: HardwareConfig) -> str:
    """Return the text of the file; `read_hardware` reads the same settings from it."""
    boards = {name: _changed(board) for name, board in config.boards.items()}
    lines = [_HEAD, "boards:\n", *_rows(boards), f"\nidle_timeout_s: {config.idle_timeout_s!r}\n"]
    if config.may_touch:
        lines += ["\nmay_touch:\n", *(f"  - {_flow(list(links))}\n" for links in config.may_touch)]
    servos = {joint: _changed(servo) for joint, servo in config.servos.items()}
    return "".join([*lines, "\nservos:\n", *_rows(servos)])


def write_hardware(config: HardwareConfig, path: Path) -> None:
    """Write the file atomically."""
    write_atomically(path, hardware_text(config))


def _rows(entries: Mapping[str, Any]) -> list[str]:
    return [f"  {name}: {_flow(entry)}\n" for name, entry in entries.items()]


def _flow(value: Any) -> str:
    return str(yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=10_000)).strip()


def _changed(instance: Any) -> dict[str, Any]:
    """Return the fields that differ from their defaults, as YAML values."""
    values = {}
    for field in dataclasses.fields(instance):
        value = getattr(instance, field.name)
        if value == field.default or value is None:
            continue
        values[field.name] = _changed(value) if dataclasses.is_dataclass(value) else _plain(value)
    return values


def _plain(value: Any) -> Any:
    return [_plain(entry) for entry in value] if isinstance(value, tuple) else value
