"""Things by name: ours, and those that other installed packages bring through Python entry points."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, TypeVar

from robot_interface_ros.config import ConfigError

T = TypeVar("T")


class Registry(Mapping[str, T], Generic[T]):
    """A mapping of name -> thing. What a package lists under the entry point group `group` is imported when it is used.

    Ours come first: an entry point of the same name is not seen. `check(thing)` raises TypeError for what is none.
    """

    def __init__(self, kind: str, ours: Mapping[str, T], group: str, check: Callable[[Any], None] = lambda thing: None):
        """`kind`: what one is called in errors."""
        self.kind, self.ours, self.group = kind, dict(ours), group
        self._check = check
        self._loaded: dict[str, T] = {}

    @cached_property
    def brought(self) -> Mapping[str, EntryPoint]:
        """Name -> entry point of another package; read once."""
        return {point.name: point for point in entry_points(group=self.group) if point.name not in self.ours}

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
        try:
            thing: T = point.load()
            self._check(thing)
        except Exception as error:  # another's package may fail in any way
            reason = " ".join(str(error).split()) or type(error).__name__
            raise ConfigError(
                f"{self.kind} '{point.name}' of entry point {self.group}: {point.value}: {reason}"
            ) from error
        return thing


def subclass_check(base: type) -> Callable[[Any], None]:
    """Return a check that a thing is a subclass of `base`."""

    def check(thing: Any) -> None:
        if not (isinstance(thing, type) and issubclass(thing, base)):
            raise TypeError(f"is {thing!r}; expected a subclass of {base.__module__}.{base.__qualname__}")

    return check
