"""Runs xacro in a separate process, with limits of time and memory. `xacro_process` starts it.

A xacro file is a program: its expressions can run for hours and fill the memory. This script reads one request (JSON)
from standard input and writes one answer (JSON) to standard output. It is started by its path with `python -I`, so it
cannot import this package before it has set `sys.path`.
"""

import io
import json
import os
import resource
import signal
import sys
from typing import Any

TOO_LONG = 64 * 2**20  # characters of URDF text; the largest public robots have 1 million


def main() -> None:
    """Read the request, set the limits, process the file, write the answer."""
    request = json.load(sys.stdin)
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    sys.path[:] = request["path"]
    sys.stdout = sys.stderr = io.StringIO()  # collects the warnings of xacro
    answer = limited(request)
    lines = [line.strip() for line in sys.stderr.getvalue().splitlines() if line.strip()]
    answer["warnings"] = [line[:500] for line in lines[:20]]
    json.dump(answer, answers)
    answers.close()


def limited(request: dict[str, Any]) -> dict[str, Any]:
    """Process the file within the limits; return `text` and the `files` that were read, or `error`."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _lower(resource.RLIMIT_CPU, request["cpu_s"])
    signal.alarm(request["wall_s"])  # reading a file without end takes no CPU time
    import xacro

    _find_packages_near(os.path.dirname(request["file"]))
    _lower(resource.RLIMIT_AS, request["memory_bytes"])
    try:
        # With line breaks: PyBullet corrupts a line longer than its 8 KiB buffer, and then refuses the file.
        text = xacro.process_file(request["file"], mappings=request["arguments"]).toprettyxml(indent="  ")
    except Exception as error:  # the expressions of the file may raise anything
        return {"error": _reason(error, request["memory_bytes"])}
    if len(text) > TOO_LONG:
        return {"error": f"its URDF has {len(text):,} characters; the limit is {TOO_LONG:,}"}
    return {"text": text, "files": [request["file"], *map(str, xacro.all_includes)]}


def _find_packages_near(folder: str) -> None:
    """Resolve $(find ...) like `package://` in other files, not only for installed packages."""
    from pathlib import Path

    from xacro import substitution_args

    from robot_interface_ros.files.package_search import REMEDY, package_folders

    def find(package: str) -> str:
        folders = package_folders(package, Path(folder))
        if not folders:
            raise substitution_args.SubstitutionException(f"no ROS package {package!r}; {REMEDY}")
        return str(folders[0])

    substitution_args._eval_find = find
    substitution_args._eval_dict["find"] = find


def _reason(error: Exception, memory_bytes: int) -> str:
    """Return the reason of an error of xacro, one line."""
    cause = error
    while inner := getattr(cause, "exc", None):
        cause = inner
    if isinstance(cause, MemoryError):
        return f"it needs more than {memory_bytes // 2**20} MiB of memory"
    if isinstance(cause, RecursionError):
        return "its includes, macros or elements are nested too deeply; does a file or a macro include itself?"
    reason = str(error).split("\nwhen ")[0]  # the rest lists the nested expressions
    # For an error in $(...), xacro writes the class, the message, and the message again.
    reason = reason.replace(f"{type(cause)}: {cause} {cause}", str(cause))
    return " ".join(reason.split())[:500] or type(cause).__name__


def _lower(limit: int, value: int) -> None:
    _, hard = resource.getrlimit(limit)
    resource.setrlimit(limit, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))


if __name__ == "__main__":
    main()
