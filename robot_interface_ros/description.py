"""From a path to URDF text, and where the package's own config/, urdf/ and launch/ lie."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from robot_interface_ros.untrusted_files import NoFileError, read_text
from robot_interface_ros.xacro_process import expand

PACKAGE = "rl_trainer_ros"
PYBULLET_DATA = "pybullet_data://"


def urdf_text(path: str | Path, arguments: Mapping[str, str] | None = None) -> str:
    """The URDF in `path`: a .xacro file processed with `arguments`, any other file as it is.

    Raises FileNotFoundError when there is no such file, and ValueError for one that cannot be read (see
    `untrusted_files`), an argument that it does not declare or what xacro refuses, each in one line.
    """
    file = resolve(path)
    try:
        if file.suffix == ".xacro":
            return expand(file, arguments or {})
        text = read_text(file)
    except NoFileError:
        raise FileNotFoundError(
            f"no robot description at {file}; give a .urdf or .xacro file, or package://..."
        ) from None
    if arguments:
        raise ValueError(f"{file} is not a .xacro file and takes no arguments, got {', '.join(arguments)}")
    return text


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


def _ament_share(package: str) -> Path | None:
    try:
        from ament_index_python.packages import get_package_share_directory
    except ImportError:
        return None
    try:
        return Path(get_package_share_directory(package))
    except (LookupError, ValueError, OSError):  # OSError: no AMENT_PREFIX_PATH
        return None
