"""Find runs below a folder. Links to folders are followed, so that a folder of links to runs is one of these runs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

_DEEPEST = 12


def walked(folder: Path) -> Iterator[tuple[Path, list[str], list[str]]]:
    """Yield each folder below a folder, the names of folders in it, and those of files, as os.walk does.

    A caller that removes a name from the list of folders leaves that folder out. Hidden folders are left out. Links are
    followed after everything else, and only once: a folder that was met before, and one that holds `folder`, is not met again.
    """
    seen: set[Path] = set()
    links: list[Path] = []
    for place in _walked(folder, folder, seen):
        yield place
        links += [place[0] / name for name in place[1] if (place[0] / name).is_symlink()]
    whole = folder.resolve()
    for link in links:
        if link.resolve() not in (whole, *whole.parents):
            yield from _walked(link, folder, seen)


def _walked(start: Path, folder: Path, seen: set[Path]) -> Iterator[tuple[Path, list[str], list[str]]]:
    for place, below, files in os.walk(start):
        path = Path(place)
        if path.resolve() in seen or len(path.relative_to(folder).parts) > _DEEPEST:
            below.clear()
            continue
        seen.add(path.resolve())
        below[:] = sorted(name for name in below if not name.startswith("."))
        yield path, below, sorted(files)


def runs_below(folder: Path) -> list[Path]:
    """Return the whole runs below a folder, or the folder itself where it is one, sorted."""
    found = []
    for path, below, files in walked(folder):
        if "config.yaml" in files and "versions.txt" in files:
            below.clear()  # a run holds no runs
            found.append(path)
    return sorted(found)
