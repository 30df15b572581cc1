"""Keeps torch's compiler out of a program that does not compile anything."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

import torch
from torch import _compile


def leave_out_compiler() -> None:
    """Let optimisers work without importing `torch._dynamo`, unless it is imported already.

    Torch wraps some methods of optimisers such that the compiler does not compile them, or interrupts its graph there. The
    wrappers import the compiler at their first call, with sympy: a third of a training's start. Here the plain methods
    are used. They compute the same. If another version of torch has other wrappers, nothing changes.
    """
    if "torch._dynamo" in sys.modules:
        return
    for method in vars(torch.optim.Optimizer).values():
        plain = _wrapped(method, _compile.__file__, "inner")
        if plain is not None:
            setattr(plain, "__dynamo_disable", plain)  # where `torch/_compile.py` looks for the wrapped method
    here = torch.optim.Optimizer.__init__.__code__.co_filename
    for kind in vars(torch.optim).values():
        plain = _wrapped(getattr(kind, "step", None), here, "_use_grad")
        if plain is not None:
            kind.step = _step(plain)


def _wrapped(method: Any, file: str, wrapper: str) -> Callable[..., Any] | None:
    """Return the plain method if `method` is a function `wrapper` of `file` around it."""
    code = getattr(method, "__code__", None)
    if code is None or (code.co_filename, code.co_name) != (file, wrapper):
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
