"""Objects by name: those of this package, and those that other installed packages register as Python entry points."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, TypeVar

from robot_interface_ros.config import ConfigError

T = TypeVar("T")


class Registry(Mapping[str, T], Generic[T]):
    """A mapping of name -> object. An entry point of the group `group` is imported when its object is first used.

    `ours` come first: an entry point with the same name is ignored. `check(thing)` raises TypeError for an unsuitable object.
    """

    def __init__(self, kind: str, ours: Mapping[str, T], group: str, check: Callable[[Any], None] = lambda thing: None):
        """`kind`: the word for one object in errors, such as "task"."""
        self.kind, self.ours, self.group = kind, dict(ours), group
        self._check = check
        self._loaded: dict[str, T] = {}

    @cached_property
    def brought(self) -> Mapping[str, EntryPoint]:
        """Name -> entry point of other packages; read once."""
        return {point.name: point for point in self._points if point.name not in self.ours}

    @cached_property
    def _points(self) -> list[EntryPoint]:
        return list(entry_points(group=self.group))

    def __getitem__(self, name: str) -> T:
        if name in self.ours:
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

    def _load(self, point: EntryPoint) -> T:
        places = sorted({other.value for other in (*self._points, point) if other.name == point.name})
        if len(places) > 1:  # the order of packages would decide
            raise ConfigError(
                f"{self.kind} '{point.name}' of entry point {self.group} is in several packages: {', '.join(places)}; keep one"
            )
        try:
            thing: T = point.load()
            self._check(thing)
        except Exception as error:  # another package may fail in any way
            reason = " ".join(str(error).split()) or type(error).__name__
            raise ConfigError(
                f"{self.kind} '{point.name}' of entry point {self.group}: {point.value}: {reason}"
            ) from error
        return thing


def subclass_check(base: type) -> Callable[[Any], None]:
    """Return a check that an object is a subclass of `base`."""

    def check(thing: Any) -> None:
        if not (isinstance(thing, type) and issubclass(thing, base)):
            raise TypeError(f"is {thing!r}; expected a subclass of {base.__module__}.{base.__qualname__}")

    return check
