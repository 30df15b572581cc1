"""From a path to URDF text, and where the package's own config/, urdf/ and launch/ lie."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path

from robot_interface_ros.files.package_search import REMEDY, ament_share, package_folders
from robot_interface_ros.files.paths import expanded
from robot_interface_ros.files.untrusted_files import FileError, NoFileError, decoded, read_bytes
from robot_interface_ros.files.xacro_process import expand
from robot_interface_ros.urdf.mesh_files import POINTER_REMEDY, POINTERS

PACKAGE = "rl_trainer_ros"
PYBULLET_DATA = "pybullet_data://"
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_NAMESPACE = re.compile(r"""(<[A-Za-z_](?:[^<>]*?))(\sxmlns\s*=\s*(?:"[^"]*"|'[^']*'))""")
_DECLARED = re.compile(rb"\s*<\?xml([^>]*?)encoding\s*=\s*[\"']([\w.-]+)[\"'][^>]*\?>")


def urdf_text(path: str | Path, arguments: Mapping[str, str] | None = None) -> str:
    """The URDF in `path`: a .xacro file processed with `arguments`, any other file as it is.

    Raises FileNotFoundError when there is no such file, and ValueError for one that cannot be read (see
    `untrusted_files`), an argument that it does not declare or what xacro refuses, each in one line.
    """
    file = resolve(path)
    try:
        if file.suffix == ".xacro":
            return _without_namespace(expand(file, arguments or {}))
        text = _decoded(read_bytes(file), file)
    except NoFileError:
        raise FileNotFoundError(
            f"no robot description at {file}; give a .urdf or .xacro file, or package://..."
        ) from None
    if not text.strip():
        raise FileError(f"{file} is empty; expected URDF text")
    for beginning, kind in POINTERS.items():
        if text.startswith(beginning.decode()):
            raise FileError(f"{file} is {kind}, not the robot description; {POINTER_REMEDY}")
    bare = _COMMENT.sub(lambda comment: "\n" * comment[0].count("\n"), text)
    if "<xacro:" in bare:
        if "xmlns:xacro" in bare:
            return _without_namespace(expand(file, arguments or {}))  # a .urdf by name alone, as ROS users have them
        line = bare[: bare.index("<xacro:")].count("\n") + 1
        raise FileError(
            f"{file}, line {line}: it uses xacro and does not say so; write "
            '<robot xmlns:xacro="http://www.ros.org/wiki/xacro" ...> at its beginning'
        )
    if arguments:
        raise FileError(f"{file} is not a .xacro file and takes no arguments, got {', '.join(arguments)}")
    return _without_namespace(text)


def _without_namespace(text: str) -> str:
    """The text without default namespaces (`<robot xmlns="...">`), which its readers do not know; lines stay."""
    return _NAMESPACE.sub(lambda found: found[1] + "\n" * found[2].count("\n"), text) if "xmlns" in text else text


def _decoded(content: bytes, file: Path) -> str:
    """XML text in the encoding that it declares, and UTF-8 from here on. Raises FileError."""
    declared = _DECLARED.match(content)
    encoding = declared[2].decode() if declared else "utf-8"
    if encoding.lower() in ("utf-8", "utf8", "us-ascii", "ascii"):
        return decoded(content, str(file))
    try:
        assert declared is not None
        return content[declared.end() :].decode(encoding)
    except (LookupError, UnicodeDecodeError):
        raise FileError(f"{file}, line 1: it is not {encoding}, which it declares; save it as UTF-8") from None


def share_directory() -> Path:
    """The folder that holds config/, urdf/ and launch/: the source tree when run from it, else the installed share."""
    source = Path(__file__).resolve().parents[2]
    if (source / "package.xml").is_file() and (source / "urdf").is_dir():
        return source
    # <prefix>/lib/python3.x/site-packages belongs to <prefix>/share, in a venv and in a colcon install space alike.
    for prefix in (*source.parents, Path(sys.prefix)):
        if (prefix / "share" / PACKAGE / "urdf").is_dir():
            return prefix / "share" / PACKAGE
    found = ament_share(PACKAGE)
    if found is None:
        raise FileNotFoundError(
            f"{source} is neither a source tree nor an installed {PACKAGE}; install the package again"
        )
    return found


def resolve(path: str | Path, folder: Path | None = None) -> Path:
    """The file that a path names.

    package://<package>/<rest> is a file of that package, which is installed or lies near `folder` (`package_search`);
    pybullet_data://<rest> one of those that come with PyBullet. A plain path stays (~ expanded), but for a relative one
    that is there in `folder`.
    """
    text = str(path)
    if text.startswith(PYBULLET_DATA):
        return _pybullet_data(text) / text.removeprefix(PYBULLET_DATA)
    if not text.startswith("package://"):
        plain = expanded(text)
        return folder / plain if folder is not None and (folder / plain).is_file() else plain
    package, _, rest = text.removeprefix("package://").partition("/")
    if package == PACKAGE:
        return share_directory() / rest
    folders = package_folders(package, folder or Path())
    if not folders:
        raise FileNotFoundError(f"no ROS package {package!r} for {text}; {REMEDY}, or give a plain path")
    return next((found / rest for found in folders if (found / rest).exists()), folders[0] / rest)


def _pybullet_data(text: str) -> Path:
    try:
        import pybullet_data
    except ImportError:
        raise FileNotFoundError(f"{text} comes with PyBullet, which is not installed: pip install pybullet") from None
    return Path(pybullet_data.getDataPath())
