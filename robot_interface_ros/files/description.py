"""From a path to URDF text; the folder with this package's config/, urdf/ and launch/."""

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
    """Return the URDF text of `path`: a xacro file is processed with `arguments`, another file is read as it is.

    Raises FileNotFoundError if the file is missing, and ValueError, one line, if it is unreadable (`untrusted_files`),
    if it does not declare an argument, or if xacro refuses it.
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
            return _without_namespace(expand(file, arguments or {}))  # xacro in a file named .urdf, as ROS users have
        line = bare[: bare.index("<xacro:")].count("\n") + 1
        raise FileError(
            f"{file}, line {line}: it uses xacro but does not declare it; write "
            '<robot xmlns:xacro="http://www.ros.org/wiki/xacro" ...> at its beginning'
        )
    if arguments:
        raise FileError(f"{file} is not a .xacro file and takes no arguments, got {', '.join(arguments)}")
    return _without_namespace(text)


def _without_namespace(text: str) -> str:
    """Return the text without default namespaces (`<robot xmlns="...">`), which URDF readers reject; keep the lines."""
    return _NAMESPACE.sub(lambda found: found[1] + "\n" * found[2].count("\n"), text) if "xmlns" in text else text


def _decoded(content: bytes, file: Path) -> str:
    """Return the text of XML in the encoding that it declares. Raises FileError."""
    declared = _DECLARED.match(content)
    encoding = declared[2].decode() if declared else "utf-8"
    if encoding.lower() in ("utf-8", "utf8", "us-ascii", "ascii"):
        return decoded(content, str(file))
    try:
        assert declared is not None
        return content[declared.end() :].decode(encoding)
    except (LookupError, UnicodeDecodeError):
        raise FileError(f"{file}, line 1: it declares {encoding}, but is not; save it as UTF-8") from None


def share_directory() -> Path:
    """Return the folder with config/, urdf/ and launch/: the source tree if run from it, otherwise the installed share."""
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
    """Return the file that a path refers to.

    package://<package>/<rest> is a file of a package that is installed or lies near `folder` (`package_search`).
    pybullet_data://<rest> is a file of PyBullet's data. A relative path is in `folder` if the file exists there,
    otherwise in the working directory; ~ is expanded.
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
