"""Compiles the numeric kernels, with a cache on disk that works under every name the plugin is loaded by."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from numba import njit


def kernel(*, fastmath: bool | set[str] = False) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorates a function that numba compiles at its first call; it runs without Python's global lock.

    numba's cache is found by file, but imports the function's module by name when it is read. FiftyOne loads the
    plugin under a name that no other process can import, so the functions are given a module name that always exists.

    Args:
        fastmath: which liberties the compiler may take with floating-point arithmetic, as numba names them

    Returns:
        The decorator.
    """

    def compile_lazily(function: Callable[..., Any]) -> Callable[..., Any]:
        name = "label_quality_kernels_" + function.__module__.rpartition(".")[2]
        sys.modules.setdefault(name, ModuleType(name))
        function.__module__ = name
        return njit(cache=True, nogil=True, error_model="numpy", fastmath=fastmath)(function)

    return compile_lazily
