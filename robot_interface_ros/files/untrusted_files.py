"""Reads files from unknown authors: text, JSON, YAML, CSV and XML, with limits of size, depth and time.

A robot file, a run folder or a checkpoint may come from anywhere. A file is refused if it is not a regular file (but a
FIFO, a device, a folder), too large, nested too deeply, not text, or made to grow while it is read. The error is one line:
file, place, cause and remedy. Arrays: `untrusted_arrays`. Types of values: `checked_values`.
"""

from __future__ import annotations

import codecs
import errno
import io
import json
import os
import stat
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.parsers import expat

import yaml

from robot_interface_ros.errors import ConfigError

MEBIBYTE = 2**20
TEXT_LIMIT = 32 * MEBIBYTE
"""Bytes of a text file. The largest public URDF has 1 MiB, a monitor.csv of a million episodes 30 MiB."""
YAML_LIMIT = MEBIBYTE // 4
"""Bytes of a YAML file. Reading takes 10 s per MiB; the largest YAML file of this package has 12 KiB."""
DEPTH_LIMIT = 64
"""Levels of nested lists and mappings. Files of this package have less than 12; Python fails near 1,000."""
NODE_LIMIT = 1_000_000
"""Values in one YAML file, each alias counted with all values that it refers to."""
XML_DEPTH_LIMIT = 200
DIGIT_LIMIT = 100
"""Digits of a whole number. The state of a random generator has 39; a float has at most 308."""

_TOO_DEEP = f"is nested too deeply; at most {DEPTH_LIMIT} levels of lists and mappings are read"
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "UTF-16"), (codecs.BOM_UTF16_BE, "UTF-16"))
_WHY = {
    errno.EACCES: "cannot be read by this user; change its permissions (chmod u+r)",
    errno.ELOOP: "is a link that refers to itself; give the file itself",
    errno.ENAMETOOLONG: "has a name that is too long; expected the path of a file",
    errno.ENOTDIR: "has a parent that is not a folder; check the path",
}


class FileError(ConfigError):
    """A file cannot be used; the message is one line with file, place, cause and remedy."""


class NoFileError(FileError):
    """There is no such file."""


def read_bytes(path: str | Path, limit: int = TEXT_LIMIT) -> bytes:
    """Return the content of a regular file of at most `limit` bytes; never wait for a FIFO or a device. Raises FileError."""
    with open_regular(path, limit) as stream:
        content = stream.read(limit + 1)
    if len(content) > limit:  # it has grown since it was opened, or its reported size was wrong
        raise FileError(f"{path} has more than {size_text(limit)}, the limit for such a file")
    return content


def open_regular(path: str | Path, limit: int) -> io.BufferedReader:
    """Open a regular file of at most `limit` bytes for reading. Raises FileError."""
    try:
        _check_regular(os.stat(path), path, limit)  # before opening, which would reset some devices
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise NoFileError(f"no file {path}") from None
    except (OSError, ValueError) as error:
        if isinstance(error, FileError):
            raise
        why = _WHY.get(getattr(error, "errno", None) or 0, f"cannot be opened: {one_line(error)}")
        raise FileError(f"{str(path)!r} {why}") from None
    try:
        _check_regular(os.fstat(descriptor), path, limit)
    except FileError:
        os.close(descriptor)
        raise
    return os.fdopen(descriptor, "rb")


def read_text(path: str | Path, limit: int = TEXT_LIMIT) -> str:
    """Return the text of a UTF-8 file, with or without a byte order mark. Raises FileError."""
    return decoded(read_bytes(path, limit), str(path))


def decoded(content: bytes, where: str) -> str:
    """Return UTF-8 text with universal newlines. Raises FileError with the line, for other encodings and for NUL."""
    for mark, name in _BOMS:
        if content.startswith(mark):
            if name != "utf-8":
                raise FileError(f"{where} is {name} text; save it as UTF-8")
            content = content[len(mark) :]
    if b"\0" in content:
        line = content.count(b"\n", 0, content.index(b"\0")) + 1
        raise FileError(f"{where}, line {line}: it has a NUL byte; it is damaged or not a text file")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise FileError(
            f"{where}, line {line}: byte {content[error.start]:#04x} is not UTF-8; save the file as UTF-8"
        ) from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_json(path: str | Path, limit: int = TEXT_LIMIT) -> Any:
    """Return the content of a JSON file. Raises FileError."""
    return parse_json(read_text(path, limit), str(path))


def parse_json(text: str, where: str) -> Any:
    """Return the content of JSON text; NaN and infinity are allowed. Raises FileError for invalid JSON."""
    try:
        value = json.loads(text, parse_int=_whole)
    except json.JSONDecodeError as error:
        raise FileError(
            f"{where}, line {error.lineno}, column {error.colno}: not JSON: {error.msg}; it is damaged or incomplete"
        ) from None
    except RecursionError:
        raise FileError(f"{where} {_TOO_DEEP}") from None
    except ValueError as error:
        raise FileError(f"{where}: {one_line(error)}") from None
    _check_depth(value, where)
    return value


def read_yaml(path: str | Path, limit: int = YAML_LIMIT) -> Any:
    """Return the content of a YAML file. Raises FileError."""
    return parse_yaml(read_text(path, limit), str(path))


def parse_yaml(text: str, where: str) -> Any:
    """Return the content of YAML text, only plain values. Raises FileError; aliases count with all values they refer to."""
    loader = None
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            return None
        _check_nodes(node, where)
        _check_keys(node, where)
        return loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        reason = " ".join(part for part in (error.problem, error.context) if part)
        raise FileError(f"{where}{place}: not valid YAML: {' '.join(reason.split())[:200]}") from None
    except yaml.YAMLError as error:
        raise FileError(f"{where}: not valid YAML: {one_line(error)}") from None
    except (RecursionError, _TooDeep):
        raise FileError(f"{where} {_TOO_DEEP}") from None
    except FileError:
        raise
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        # PyYAML: dates that do not exist, unhashable keys, tags that do not fit their text (!!bool x).
        raise FileError(f"{where}: not valid YAML: {one_line(error)}") from None
    finally:
        if loader is not None:
            loader.dispose()


def parse_xml(text: str | bytes, where: str) -> ElementTree.Element:
    """Return the root of XML text. Raises FileError with the line, also for entities and for too many levels."""
    parser = expat.ParserCreate()
    depth = 0

    def begin(*_: Any) -> None:
        nonlocal depth
        depth += 1
        if depth > XML_DEPTH_LIMIT:
            raise FileError(
                f"{where}, line {parser.CurrentLineNumber}: elements are nested deeper than {XML_DEPTH_LIMIT}"
            )

    def end(*_: Any) -> None:
        nonlocal depth
        depth -= 1

    def entity(name: str, *_: Any) -> None:
        raise FileError(
            f"{where}, line {parser.CurrentLineNumber}: it declares the entity {name!r}; write its text where it is used"
        )

    parser.StartElementHandler, parser.EndElementHandler, parser.EntityDeclHandler = begin, end, entity
    try:
        parser.Parse(text, True)
        return ElementTree.fromstring(text)
    except (expat.ExpatError, ElementTree.ParseError, ValueError) as error:
        if isinstance(error, FileError):
            raise
        line = getattr(error, "lineno", 0) or getattr(error, "position", (0,))[0]
        raise FileError(f"{where}{f', line {line}' if line else ''}: not XML: {one_line(error)}") from None


def one_line(error: BaseException) -> str:
    """Return the error of a library as one short line."""
    return " ".join(str(error).split())[:200] or type(error).__name__


def size_text(count: int) -> str:
    """Return a number of bytes as readable text."""
    return f"{count / MEBIBYTE:,.1f} MiB" if count >= MEBIBYTE else f"{count:,} bytes"


class _TooDeep(Exception):
    pass


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader with limits of depth and of the digits of a number; its errors have a line."""

    def __init__(self, text: str):
        super().__init__(text)
        self._depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        self._depth += 1
        if self._depth > DEPTH_LIMIT:
            raise _TooDeep
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def fetch_flow_collection_start(self, token: Any) -> None:
        """Limit the depth here as well: the scanner reads ahead, and takes long for many brackets."""
        if self.flow_level > DEPTH_LIMIT:
            raise _TooDeep
        super().fetch_flow_collection_start(token)

    def construct_number(self, node: Any) -> Any:
        """Return a whole number; refuse one that takes long to read and is larger than any float."""
        if len(node.value) > DIGIT_LIMIT:
            raise yaml.constructor.ConstructorError(
                None, None, f"a number of {len(node.value)} digits; at most {DIGIT_LIMIT} are read", node.start_mark
            )
        return self.construct_yaml_int(node)


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_number)


def _check_nodes(root: Any, where: str) -> None:
    """Raise FileError if aliases refer to more values than a file may have ("billion laughs"), or to themselves."""
    sizes: dict[int, int] = {}
    open_nodes: set[int] = set()

    def size(node: Any) -> int:
        if id(node) in open_nodes:
            raise FileError(
                f"{where}, line {node.start_mark.line + 1}: an alias refers to a value that contains it; write it out"
            )
        if id(node) not in sizes:
            open_nodes.add(id(node))
            sizes[id(node)] = 1 + sum(map(size, _parts(node)))
            open_nodes.discard(id(node))
        return sizes[id(node)]

    if size(root) > NODE_LIMIT:
        raise FileError(
            f"{where} has more than {NODE_LIMIT:,} values, counting aliases; write out the ones that you need"
        )


def _check_keys(root: Any, where: str) -> None:
    """Raise FileError if a mapping has the same key twice: YAML forbids it, but PyYAML takes the last one."""
    left, seen = [root], {id(root)}
    while left:
        node = left.pop()
        lines: dict[tuple[str, str], int] = {}
        for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            if not isinstance(key, yaml.ScalarNode) or key.value == "<<":
                continue
            line, name = key.start_mark.line + 1, (key.tag, key.value)
            if name in lines:
                text = key.value[:40]
                raise FileError(f"{where}, line {line}: {text!r} is given twice, first in line {lines[name]}; keep one")
            lines[name] = line
        for part in _parts(node):
            if id(part) not in seen:
                seen.add(id(part))
                left.append(part)


def _parts(node: Any) -> Iterator[Any]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield key
            yield value
    elif isinstance(node, yaml.SequenceNode):
        yield from node.value


def _whole(text: str) -> int:
    if len(text) > DIGIT_LIMIT:
        raise ValueError(f"a number of {len(text)} digits; at most {DIGIT_LIMIT} are read")
    return int(text)


def _check_depth(root: Any, where: str) -> None:
    level = [root]
    for _ in range(DEPTH_LIMIT + 1):
        holders = [one for one in level if isinstance(one, (dict, list))]
        if not holders:
            return
        level = [part for one in holders for part in (one.values() if isinstance(one, dict) else one)]
    raise FileError(f"{where} {_TOO_DEEP}")


def _check_regular(about: os.stat_result, path: str | Path, limit: int) -> None:
    if not stat.S_ISREG(about.st_mode):
        raise FileError(f"{path} is {_kind(about.st_mode)}; expected a regular file")
    if about.st_size > limit:
        raise FileError(f"{path} has {size_text(about.st_size)}; the limit for such a file is {size_text(limit)}")


def _kind(mode: int) -> str:
    kinds = (
        (stat.S_ISDIR, "a folder"),
        (stat.S_ISFIFO, "a named pipe (FIFO)"),
        (stat.S_ISCHR, "a device"),
        (stat.S_ISBLK, "a device"),
        (stat.S_ISSOCK, "a socket"),
    )
    return next((name for test, name in kinds if test(mode)), "not a regular file")
