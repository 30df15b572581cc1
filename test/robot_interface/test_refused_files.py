"""Files that are refused: no regular files, too large, nested too deeply, another encoding, numbers out of range."""

from __future__ import annotations

import io
import math
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

from robot_interface_ros.config import ConfigError, from_mapping, read_yaml
from robot_interface_ros.files.untrusted_arrays import read_npz
from robot_interface_ros.files.untrusted_files import (
    FileError,
    parse_json,
    parse_xml,
    parse_yaml,
    read_bytes,
    read_json,
    read_text,
)
from robot_interface_ros.robot_config import RobotConfig

pytestmark = [pytest.mark.slow, pytest.mark.bad_input, pytest.mark.xdist_group("untrusted_files")]


@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "loop", "missing", "nul", "large"])
def test_what_is_no_regular_file_is_refused_at_once(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "file.yaml"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "loop":
        path.symlink_to(path)
    elif kind == "large":
        with path.open("wb") as stream:
            stream.truncate(2**40)
    name = {"device": "/dev/zero", "nul": "a\0b"}.get(kind, str(path))
    expected = {
        "pipe": "a named pipe",
        "device": "a device",
        "folder": "a folder",
        "loop": "refers to itself",
        "missing": "no file",
        "nul": "cannot be opened",
        "large": r"has 1,048,576.0 MiB; the limit",
    }
    for read in (read_text, read_bytes, read_json, read_yaml, lambda name: read_npz(name, 100)):
        with pytest.raises(FileError, match=expected[kind]):
            read(name)


def test_yaml_that_grows_is_refused() -> None:
    laughs = "a: &a [1,1,1,1,1,1,1,1,1]\n" + "".join(
        f"{chr(98 + i)}: &{chr(98 + i)} [{','.join([f'*{chr(97 + i)}'] * 9)}]\n" for i in range(8)
    )
    for text, complaint in (
        (laughs, "more than 1,000,000 values, counting aliases"),
        ("a: &a [*a]", "line 1: an alias refers to a value that contains it"),
        ("[" * 65 + "]" * 65, "nested too deeply"),
        ("a: " + "9" * 5000, "line 1.*a number of 5000 digits"),
        ("!!python/object/apply:os.system [true]", "line 1.*could not determine a constructor"),
        ("a: b: c", "line 1, column 5"),
        ("a: 1\nb: {c: 2,\n  'c': 2}", "line 3: 'c' is given twice, first in line 2; keep one"),
        ("a: &a {x: 1}\nb: [*a, {x: 1, x: 1}]", "line 2: 'x' is given twice"),
        ("a: 2020-99-99", "not valid YAML: month must be in"),
        *(
            (f"a: !!{tag} '{text}'", "not valid YAML")
            for tag in ("int", "float", "bool", "timestamp")
            for text in ("", "x")
        ),
    ):
        with pytest.raises(FileError, match=f"^here.*{complaint}") as caught:
            parse_yaml(text, "here")
        assert str(caught.value).count("here, ") + str(caught.value).count("here:") <= 1
    assert parse_yaml("a: &a [1]\nb: *a\nc: {<<: {d: 0x1F}}", "") == {"a": [1], "b": [1], "c": {"d": 31}}
    assert parse_yaml("a: &a {x: 1, y: 1}\nb: {<<: *a, x: 2}\n1: 1\n'1': 1", "") == {
        "a": {"x": 1, "y": 1},
        "b": {"x": 2, "y": 1},
        1: 1,
        "1": 1,
    }


def test_json_and_xml_are_refused_with_the_line() -> None:
    for text, complaint in (
        ('{"a":\n 1,}', "line 2, column 4"),
        ("[" * 100_000, "nested too deeply"),
        ("9" * 5000, "a number of 5000 digits"),
    ):
        with pytest.raises(FileError, match=f"^here.*{complaint}"):
            parse_json(text, "here")
    bomb = '<!DOCTYPE r [<!ENTITY a "aaaa">\n<!ENTITY b "&a;&a;">]><robot>&b;</robot>'
    for text, complaint in (
        (bomb, "line 1: it declares the entity 'a'"),
        ("<a>" * 300 + "</a>" * 300, "nested deeper than 200"),
        ("<robot>\n<link>\n</robot>", "line 3: not XML: mismatched tag"),
    ):
        with pytest.raises(FileError, match=f"^here.*{complaint}"):
            parse_xml(text, "here")


def test_text_says_where_it_is_no_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "robot.urdf"
    for content, complaint in (
        ("<a>\né</a>".encode("latin-1"), "line 2: byte 0xe9 is not UTF-8; save the file as UTF-8"),
        ("é".encode("utf-16"), "is UTF-16 text; save it as UTF-8"),
        (b"a\n\0", "line 2: it has a NUL byte"),
    ):
        path.write_bytes(content)
        with pytest.raises(FileError, match=complaint):
            read_text(path)
    path.write_bytes(b"\xef\xbb\xbfa\r\nb")
    assert read_text(path) == "a\nb"


def test_arrays_claim_no_more_than_is_there(tmp_path: Path) -> None:
    """A header of 4e12 floats allocates no memory: its size is compared with the file first."""
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (4000000000000,), }"
    header += b" " * (118 - len(header)) + b"\n"
    path = tmp_path / "replay.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("rewards.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(16))
    with pytest.raises(FileError, match=r"'rewards' claims shape \(4000000000000,\) of float32, .* the file has 16"):
        read_npz(path, 10**15)
    stream = io.BytesIO()
    np.savez_compressed(stream, zeros=np.zeros(10**7))
    path.write_bytes(stream.getvalue())
    with pytest.raises(
        FileError, match=r"1 arrays of 76.3 MiB; expected at most 976.6 MiB|expected at most 1,000 bytes"
    ):
        read_npz(path, 1000)
    np.savez(path, a=np.arange(6).reshape(2, 3), text=np.array(["x"]), b=np.asfortranarray(np.eye(3)))
    found = read_npz(path, 10**6)
    assert (
        found["a"].tolist() == [[0, 1, 2], [3, 4, 5]]
        and found["text"].tolist() == ["x"]
        and (found["b"] == np.eye(3)).all()
    )
    np.savez(path, a=np.array([{}], dtype=object))
    with pytest.raises(FileError, match="holds object; expected numbers or text"):
        read_npz(path, 10**6)


def test_numbers_without_a_range_are_bounded() -> None:
    for value in (math.nan, math.inf, 1e308):
        with pytest.raises(ConfigError, match=r"rest.turn is .*; expected a finite number from -1e\+15 to 1e\+15"):
            from_mapping(RobotConfig, {"rest": {"turn": value}}, "here")
