"""Atomic writing of files."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from robot_interface_ros.config import ConfigError
from robot_interface_ros.files.atomic_file import replacing, write_atomically
from robot_interface_ros.files.paths import check_file


def test_text_bytes_and_functions_are_written_and_folders_made(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file.txt"
    for content in ("grün", "grün".encode(), lambda file: file.write("grün".encode())):
        write_atomically(path, content)
        assert path.read_bytes() == "grün".encode() and list(path.parent.iterdir()) == [path]
        path.unlink()


def test_what_is_made_is_on_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    happened, path = [], tmp_path / "file"
    sync, rename = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda descriptor: (happened.append("on disk"), sync(descriptor)))
    monkeypatch.setattr(os, "replace", lambda one, other: (happened.append("renamed"), rename(one, other)))
    write_atomically(path, "new")
    assert happened == ["on disk", "renamed"] and path.read_text() == "new"


@pytest.mark.parametrize("old", [True, False])
def test_a_failed_write_leaves_what_was_there(tmp_path: Path, old: bool) -> None:
    path = tmp_path / "file"
    if old:
        path.write_bytes(b"old")

    def fails(file: object) -> None:
        file.write(b"half of the new")  # type: ignore[attr-defined]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, fails)
    assert [(entry, entry.read_bytes()) for entry in tmp_path.iterdir()] == ([(path, b"old")] if old else [])


def _folder(path: Path) -> None:
    path.mkdir()
    (path / "inside").write_text("new")


def _link(path: Path) -> None:
    path.symlink_to("other", target_is_directory=True)


@pytest.mark.parametrize("make", [_folder, _link])
def test_folders_and_links_too(tmp_path: Path, make: Callable[[Path], None]) -> None:
    _folder(tmp_path / "other")
    with replacing(tmp_path / "made") as temporary:
        assert temporary.parent == tmp_path and temporary.name.startswith(".")
        make(temporary)
    assert (tmp_path / "made" / "inside").read_text() == "new"

    def fails() -> None:
        with replacing(tmp_path / "again") as temporary:
            make(temporary)
            raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        fails()
    assert {path.name for path in tmp_path.iterdir()} == {"other", "made"} and (tmp_path / "other" / "inside").exists()


def test_an_error_names_the_file_and_a_long_name_is_no_error(tmp_path: Path) -> None:
    """On a full disk the system names no file, and the temporary one means nothing to a user."""

    def full(stream: object) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match=r"No space left on device: '.*/kept\.csv'"):
        write_atomically(tmp_path / "kept.csv", full)
    assert not list(tmp_path.iterdir())
    longest = tmp_path / f"{'x' * 251}.csv"
    write_atomically(longest, "a")
    assert longest.read_text() == "a"
    check_file("file", longest)
    with pytest.raises(ConfigError, match="too long for the name of a file"):
        check_file("file", tmp_path / f"{'x' * 252}.csv")
