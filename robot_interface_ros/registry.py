"""Objects by name: those of this package, and those that other installed packages register as Python entry points."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import is_dataclass
from functools import cache, cached_property
from importlib.metadata import EntryPoint, entry_points
from typing import Any, ClassVar, Generic, TypeVar, get_args, get_origin, get_type_hints

from robot_interface_ros.config import ConfigError

T = TypeVar("T")
_log = logging.getLogger(__name__)


class Registry(Mapping[str, T], Generic[T]):
    """A mapping of name -> object. An entry point of the group `group` is imported when its object is first used.

    `ours` come first: an entry point with the same name is ignored, with a warning. `check(thing)` raises TypeError for an
    unsuitable object.
    """

    def __init__(self, kind: str, ours: Mapping[str, T], group: str, check: Callable[[Any], None] = lambda thing: None):
        """`kind`: the word for one object in errors, such as "task"."""
        self.kind, self.ours, self.group = kind, dict(ours), group
        self._check = check
        self._loaded: dict[str, T] = {}
        self._told: set[str] = set()

    @cached_property
    def brought(self) -> Mapping[str, EntryPoint]:
        """Name -> entry point of other packages; read once."""
        return {point.name: point for point in self._points if point.name not in self.ours}

    @cached_property
    def _points(self) -> list[EntryPoint]:
        return list(_installed().select(group=self.group))

    def __getitem__(self, name: str) -> T:
        if name in self.ours:
            self._tell_ignored(name)
            return self.ours[name]
        if name not in self._loaded:
            self._loaded[name] = self._load(self.brought[name])
        return self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        yield from self.ours
        yield from sorted(self.brought)

    def __len__(self) -> int:
        return len(self.ours) + len(self.brought)

    def __contains__(self, name: object) -> bool:
        return name in self.ours or name in self.brought

    def usable(self) -> Iterator[tuple[str, T]]:
        """Yield names and objects; entry points that cannot be loaded are left out."""
        for name in self:
            try:
                yield name, self[name]
            except ConfigError:
                continue

    def _tell_ignored(self, name: str) -> None:
        """Warn, once, of entry points with the name of an object of this package."""
        if name in self._told:
            return
        self._told.add(name)
        for point in self._points:
            if point.name == name:
                _log.warning(
                    f"{self.kind} '{name}' of entry point {self.group}: {point.value} is ignored, because this package has the "
                    f"{self.kind} of that name; rename yours"
                )

    def _load(self, point: EntryPoint) -> T:
        places = sorted({other.value for other in (*self._points, point) if other.name == point.name})
        if len(places) > 1:  # the order of packages would decide
            raise ConfigError(
                f"{self.kind} '{point.name}' of entry point {self.group} is in several packages: {', '.join(places)}; keep one"
            )
        try:
            thing: T = point.load()
            self._check(thing)
        except (Exception, SystemExit) as error:  # another package may fail in any way, and even end its process
            reason = " ".join(str(error).split()) or type(error).__name__
            raise ConfigError(
                f"{self.kind} '{point.name}' of entry point {self.group}: {point.value}: {reason}"
            ) from error
        return thing


@cache
def _installed() -> Any:
    """Entry points of all groups; reading them takes tens of milliseconds."""
    return entry_points()


def subclass_check(base: type) -> Callable[[Any], None]:
    """Return a check that an object is a complete subclass of `base`, with class attributes of the kinds that it declares."""

    def check(thing: Any) -> None:
        if not (isinstance(thing, type) and issubclass(thing, base)):
            raise TypeError(f"is {thing!r}; expected a subclass of {base.__module__}.{base.__qualname__}")
        missing = sorted(getattr(thing, "__abstractmethods__", ()))
        if missing:
            raise TypeError(f"has no {', '.join(missing)}")
        for name, hint in get_type_hints(base).items():
            if get_origin(hint) is ClassVar:
                _check_attribute(name, getattr(thing, name, None), get_args(hint)[0])

    return check


def _check_attribute(name: str, value: Any, wanted: Any) -> None:
    """Raise TypeError unless a class attribute is of the kind `wanted`: str, bool, a tuple of str, or a class of settings."""
    if get_origin(wanted) is tuple:
        fits, expected = isinstance(value, tuple) and all(isinstance(entry, str) for entry in value), "a tuple of texts"
    elif get_origin(wanted) is type:
        (base,) = get_args(wanted)
        fits = is_dataclass(value) and isinstance(value, type) and (base is Any or issubclass(value, base))
        expected = "a dataclass" if base is Any else f"a dataclass derived from {base.__name__}"
        if fits:
            value()  # the defaults must be complete
    else:
        fits, expected = isinstance(value, wanted), "a text" if wanted is str else "True or False"
    if not fits:
        raise TypeError(f"its {name} is {value!r}; expected {expected}")
