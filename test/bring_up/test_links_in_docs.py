"""README and docs: every relative link, every #anchor and every named file exists."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]
PAGES = (REPO / "README.md", REPO / "CONTRIBUTING.md", *sorted((REPO / "docs").rglob("*.md")))
FENCE = re.compile(r"^ *```.*?^ *```", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#{1,6} +(.+?)\s*$", re.MULTILINE)
SUFFIXES = r"(?:py|md|yaml|sh|c|cpp|h|ino|rviz|toml|urdf|png|txt|cfg)"
NAMED = re.compile(rf"(?<![\w./<>~-])((?:[\w-]+/)*\w[\w-]*\.{SUFFIXES})(?![\w/])")
FOLDER = re.compile(r"`((?:[\w-]+/)+)`")
FOLDERS = (
    *("rl_trainer_ros", "robot_interface_ros", "robot_sim_ros", "robot_driver_ros", "srl_ros", "test"),
    *("docs", "config", "launch", "benchmarks", "firmware", "messages", "resource", "urdf"),
)
READERS = re.compile(
    r"(?:.*/)?(?:my_[\w-]+|mine|train|robot|controllers|arm|name|progress|config|versions|evaluations|loss|states|neighbours|correlations)\.\w+$|.*_description/.*"
)
"""Files of the reader, of a run or of another package: `my_robot.yaml`, a run's `config.yaml`."""


def files() -> set[str]:
    """Every file of the repository, by its path from the root."""
    found = chain(REPO.iterdir(), *((REPO / folder).rglob("*") for folder in FOLDERS))
    return {path.relative_to(REPO).as_posix() for path in found if path.is_file() and "__pycache__" not in path.parts}


FILES = files()
ENDS = {"/".join(parts[i:]) for parts in (name.split("/") for name in FILES) for i in range(len(parts))}
"""Each path and every end of a path: a page about a folder may name only `draw.py`."""


def name_of(page: Path) -> str:
    return page.relative_to(REPO).as_posix()


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub creates for a page's headings."""
    seen: set[str] = set()
    for heading in HEADING.findall(FENCE.sub("", page.read_text(encoding="utf-8"))):
        shown = LINK.sub(lambda link: link[0].partition("]")[0].strip("!["), heading)
        slug = re.sub(r"[^\w\- ]", "", shown.lower()).replace(" ", "-")
        number = 1
        while (anchor := slug if number == 1 else f"{slug}-{number - 1}") in seen:
            number += 1
        seen.add(anchor)
    return seen


def links(page: Path) -> Iterator[str]:
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    yield from (link for link in LINK.findall(text) if not link.startswith(("http://", "https://", "mailto:")))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_relative_links_and_anchors_exist(page: Path) -> None:
    broken = []
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and (target.suffix != ".md" or anchor not in anchors(target))):
            broken.append(link)
    assert not broken


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_named_files_and_folders_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    beside = {path.name for path in page.parent.rglob("*")}
    missing = [
        name
        for name in NAMED.findall(text)
        if name not in ENDS and Path(name).name not in beside and not READERS.match(name)
    ]
    for folder in FOLDER.findall(text):
        known = any(f"/{name}".find(f"/{folder}") >= 0 for name in FILES)
        if not known and folder.partition("/")[0] in FOLDERS:
            missing.append(folder)
    assert not missing


def test_every_page_is_linked_from_the_readme() -> None:
    linked = {(REPO / link.partition("#")[0]).resolve() for link in links(REPO / "README.md")}
    assert [name_of(page) for page in PAGES[1:] if page not in linked] == []


def test_anchors_are_those_of_github(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# Going on: resume\n\n```\n# no heading\n```\n## `move`, [x](y.md)\n## Same\n## Same\n", encoding="utf-8"
    )
    assert anchors(page) == {"going-on-resume", "move-x", "same", "same-1"}
