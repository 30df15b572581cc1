"""Keeps torch's compiler out of a program that does not compile anything."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

import torch

_DISABLED = ("inner", ("getattr", "torch._dynamo", "_dynamo", "disable", "__dynamo_disable"))
_DIFFERENTIABLE = (
    "_use_grad",
    ("torch._dynamo", "cast", "Optimizer", "is_grad_enabled", "set_grad_enabled", "defaults", "_dynamo", "graph_break"),
)
"""Torch's wrappers that are known, tested with 2.13: their names, and all that they read."""


def leave_out_compiler() -> None:
    """Let optimisers work without importing `torch._dynamo`, unless it is imported already.

    Torch wraps some methods of optimisers such that the compiler does not compile them, or interrupts its graph there. The
    wrappers import the compiler at their first call, with sympy: a third of a training's start. Here the plain methods
    are used. They compute the same. Only wrappers that read exactly what the known ones read are replaced: with another
    version of torch nothing changes but the time of the start.
    """
    if "torch._dynamo" in sys.modules:
        return
    for method in vars(torch.optim.Optimizer).values():
        plain = _wrapped(method, _DISABLED)
        if plain is not None:
            setattr(plain, "__dynamo_disable", plain)  # where `torch/_compile.py` looks for the wrapped method
    for kind in vars(torch.optim).values():
        plain = _wrapped(getattr(kind, "step", None), _DIFFERENTIABLE)
        if plain is not None:
            kind.step = _step(plain)


def _wrapped(method: Any, known: tuple[str, tuple[str, ...]]) -> Callable[..., Any] | None:
    """Return the plain method if `method` is a `known` wrapper around it."""
    code = getattr(method, "__code__", None)
    if code is None or code.co_name != known[0] or not set(code.co_names) <= {"torch", *known[1]}:
        return None
    plain: Callable[..., Any] | None = getattr(method, "__wrapped__", None)
    return plain


def _step(plain: Callable[..., Any]) -> Callable[..., Any]:
    """Return an optimiser's step with gradients switched on or off as torch's own wrapper does."""

    @functools.wraps(plain)
    def step(self: torch.optim.Optimizer, *args: Any, **kwargs: Any) -> Any:
        with torch.set_grad_enabled(self.defaults["differentiable"]):
            return plain(self, *args, **kwargs)

    return step
