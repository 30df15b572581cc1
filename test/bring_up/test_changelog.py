"""CHANGELOG.md lists the new paths of moved modules, and these exist."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROW = re.compile(r"^\| `(?P<old>[\w.]+(?:\{.+\})?)` \| `(?P<new>[\w.]+(?:\{same names\})?)` \|$", re.MULTILINE)


def moved() -> dict[str, str]:
    """Old import path -> new one, with rows such as `a.{b, c}` | `d.{same names}` written out."""
    paths = {}
    for row in ROW.finditer((ROOT / "CHANGELOG.md").read_text(encoding="utf-8")):
        package, brace, names = row["old"].partition("{")
        for name in names.removesuffix("}").split(", ") if brace else [""]:
            paths[package + name] = row["new"].replace("{same names}", name)
    return paths


@pytest.mark.parametrize("old, new", moved().items())
def test_a_module_is_where_the_changelog_says(old: str, new: str) -> None:
    assert importlib.util.find_spec(new) is not None, f"{old} is said to be {new} now"


def test_the_changelog_names_the_version_of_setup_py_and_every_row_is_read() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    version = re.search(r'version="(.+?)"', (ROOT / "setup.py").read_text())
    assert version and f"## {version[1]} - " in text and "## [Unreleased]" in text
    rows = text.partition("| 0.1.0 | now |\n|---|---|\n")[2].partition("\n\n")[0].splitlines()
    assert len(rows) == len(ROW.findall(text)) + sum("| removed" in row for row in rows)
