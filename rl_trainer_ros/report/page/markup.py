"""HTML and SVG from parts: every text is escaped, every tag is closed, so that a run may have any name."""

from __future__ import annotations

import re
from html import escape
from typing import Any
from urllib.parse import quote

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_VOID = ("meta", "img", "br")


class Markup(str):
    """Text that is markup already, and not escaped again."""

    __slots__ = ()


def text(value: Any) -> Markup:
    """Return a value as text of a page. Characters that a page must not hold are replaced."""
    return value if isinstance(value, Markup) else Markup(escape(_NOT_XML.sub("\ufffd", str(value)), quote=True))


def tag(kind: str, /, *parts: Any, **attributes: Any) -> Markup:
    """Return an element. Attributes that are None are left out; `class_` is class, `stroke_width` is stroke-width."""
    words = [
        f' {key.rstrip("_").replace("_", "-")}="{text(value)}"'
        for key, value in attributes.items()
        if value is not None
    ]
    begin = f"<{kind}{''.join(words)}"
    return Markup(f"{begin} />" if kind in _VOID else f"{begin}>{joined(*parts)}</{kind}>")


def joined(*parts: Any) -> Markup:
    """Return parts one after the other; None is left out, lists are joined too."""
    found = []
    for part in parts:
        if isinstance(part, (list, tuple)):
            found.append(joined(*part))
        elif part is not None:
            found.append(text(part))
    return Markup("".join(found))


def link(path: str) -> str:
    """Return a relative path as the address of a link."""
    return quote(path.encode("utf-8", "surrogateescape"))
