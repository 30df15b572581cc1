"""A xacro file is a program: an endless one, or one that fills the memory, is refused within the limits, in one line."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from robot_interface_ros.files import xacro_process
from robot_interface_ros.files.description import urdf_text
from robot_interface_ros.files.xacro_process import XacroLimits, expand

NAMESPACE = 'xmlns:xacro="http://www.ros.org/wiki/xacro"'
SHORT = XacroLimits(cpu_s=1, wall_s=2, memory_bytes=2**28)


def written(file: Path, content: str) -> Path:
    file.write_text(f'<robot name="r" {NAMESPACE}>{content}</robot>')
    return file


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ('<link name="${9**9**9}"/>', "not finished after 1 s of CPU time or 2 s in all"),
        ('<xacro:include filename="pipe"/>', "not finished after 1 s of CPU time or 2 s in all"),
        ("<link name=\"${'x' * 10**9}\"/>", "needs more than 256 MiB of memory"),
        ('<xacro:include filename="bad.xacro"/>', "does a file or a macro include itself"),
        ('<xacro:macro name="m"><xacro:m/><xacro:m/></xacro:macro><xacro:m/>', "does a file or a macro include itself"),
        ("<a>" * 20_000 + "</a>" * 20_000, "nested too deeply"),
        ('<link name="${().__class__}"/>', "invalid name"),
        ("<link name=\"${xacro.fatal('no\nmotor')}\"/>", "no motor$"),
    ],
)
def test_a_hostile_xacro_is_refused_within_the_limits(tmp_path: Path, content: str, complaint: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    file = written(tmp_path / "bad.xacro", content)
    with pytest.raises(ValueError, match=complaint) as caught:
        expand(file, {}, SHORT)
    assert str(caught.value).startswith(f"xacro cannot process {file}: ") and "\n" not in str(caught.value)


@pytest.mark.bad_input
def test_a_loop_of_includes_ends(tmp_path: Path) -> None:
    written(tmp_path / "a.xacro", '<xacro:include filename="b.xacro"/><xacro:arg name="size" default="1"/>')
    file = written(tmp_path / "b.xacro", '<xacro:include filename="a.xacro"/>')
    assert xacro_process.declared_arguments(file) == ["size"]
    with pytest.raises(ValueError, match="has no argument sise; known: size"):
        expand(file, {"sise": "2"})


def test_warnings_are_passed_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    expand(written(tmp_path / "a.xacro", "<link name=\"${xacro.warning('old macro')}\"/>"), {})
    assert f"xacro, {tmp_path / 'a.xacro'}: warning: old macro" in caplog.messages


def test_a_text_is_made_once_until_a_file_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A robot is loaded many times in a process; xacro runs again only if one of its files has changed."""
    inner = written(tmp_path / "inner.xacro", '<link name="one"/>')
    outer = written(tmp_path / "outer.xacro", '<xacro:include filename="inner.xacro"/>')
    runs, run = [], xacro_process._run
    monkeypatch.setattr(xacro_process, "_run", lambda *words: runs.append(words) or run(*words))
    assert urdf_text(outer) == urdf_text(outer) and len(runs) == 1
    written(inner, '<link name="another"/>')
    os.utime(inner, ns=(time.time_ns(), time.time_ns() + 1))
    assert '<link name="another"/>' in urdf_text(outer) and len(runs) == 2
