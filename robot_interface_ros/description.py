"""From a path to URDF text, and where the package's own config/, urdf/ and launch/ lie."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path

PACKAGE = "rl_trainer_ros"
PYBULLET_DATA = "pybullet_data://"
_ARGUMENT = re.compile(r"<xacro:arg\s[^>]*?name\s*=\s*[\"']([^\"']+)")
_INCLUDE = re.compile(r"<xacro:include\s[^>]*?filename\s*=\s*[\"']([^\"']+)")


def urdf_text(path: str | Path, arguments: Mapping[str, str] | None = None) -> str:
    """The URDF in `path`: a .xacro file processed with `arguments`, any other file as it is.

    Raises FileNotFoundError when there is no such file, and ValueError for an argument that it does not declare or when
    xacro refuses it, each in one line.
    """
    file = resolve(path)
    if not file.is_file():
        raise FileNotFoundError(f"no robot description at {file}; give a .urdf or .xacro file, or package://...")
    if file.suffix == ".xacro":
        return _expand(file, dict(arguments or {}))
    if arguments:
        raise ValueError(f"{file} is not a .xacro file and takes no arguments, got {', '.join(arguments)}")
    return file.read_text(encoding="utf-8")


def share_directory() -> Path:
    """The folder that holds config/, urdf/ and launch/: the source tree when run from it, else the installed share."""
    source = Path(__file__).resolve().parent.parent
    if (source / "package.xml").is_file() and (source / "urdf").is_dir():
        return source
    # <prefix>/lib/python3.x/site-packages belongs to <prefix>/share, in a venv and in a colcon install space alike.
    for prefix in (*source.parents, Path(sys.prefix)):
        if (prefix / "share" / PACKAGE / "urdf").is_dir():
            return prefix / "share" / PACKAGE
    found = _ament_share(PACKAGE)
    if found is None:
        raise FileNotFoundError(
            f"{source} is neither a source tree nor an installed {PACKAGE}; install the package again"
        )
    return found


def resolve(path: str | Path, folder: Path | None = None) -> Path:
    """The file that a path names.

    package://<package>/<rest> is a file in that package's share folder; pybullet_data://<rest> one of those that come with
    PyBullet. A plain path stays (~ expanded), but for a relative one that is there in `folder`.
    """
    text = str(path)
    if text.startswith(PYBULLET_DATA):
        return _pybullet_data(text) / text.removeprefix(PYBULLET_DATA)
    if not text.startswith("package://"):
        plain = Path(text).expanduser()
        return folder / plain if folder is not None and (folder / plain).is_file() else plain
    package, _, rest = text.removeprefix("package://").partition("/")
    found = share_directory() if package == PACKAGE else _ament_share(package)
    if found is None:
        raise FileNotFoundError(f"no ROS package {package!r} for {text}; source its setup.bash or give a plain path")
    return found / rest


def _pybullet_data(text: str) -> Path:
    try:
        import pybullet_data
    except ImportError:
        raise FileNotFoundError(f"{text} comes with PyBullet, which is not installed: pip install pybullet") from None
    return Path(pybullet_data.getDataPath())


def _expand(file: Path, arguments: dict[str, str]) -> str:
    import xacro

    declared = _declared_arguments(file)
    unknown = [name for name in arguments if declared is not None and name not in declared]
    if unknown:
        raise ValueError(f"{file} has no argument {', '.join(unknown)}; known: {', '.join(declared or ()) or 'none'}")
    try:
        # In lines: PyBullet's reader garbles a line longer than its 8 KiB buffer, and then refuses the file.
        text: str = xacro.process_file(str(file), mappings=arguments).toprettyxml(indent="  ")
    except Exception as error:  # a xacro file evaluates expressions of its own, so anything may come out of it
        reason, *_ = str(error).split("\nwhen ")  # what follows lists the expressions that led there
        raise ValueError(f"xacro cannot process {file}: {' '.join(reason.split()) or type(error).__name__}") from error
    return text


def _declared_arguments(file: Path) -> list[str] | None:
    """The arguments that a xacro file and the files it includes declare; None where an include cannot be followed.

    xacro itself takes unknown arguments without a word, and a slip of the pen would go unnoticed.
    """
    text = file.read_text(encoding="utf-8")
    names = _ARGUMENT.findall(text)
    for include in _INCLUDE.findall(text):
        included = file.parent / include
        below = _declared_arguments(included) if included.is_file() else None
        if below is None:
            return None
        names += below
    return names


def _ament_share(package: str) -> Path | None:
    try:
        from ament_index_python.packages import get_package_share_directory
    except ImportError:
        return None
    try:
        return Path(get_package_share_directory(package))
    except (LookupError, ValueError, OSError):  # OSError: no AMENT_PREFIX_PATH
        return None
