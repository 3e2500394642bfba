"""Compiles the numeric kernels, with a cache on disk that works under every name the plugin is loaded by."""

from __future__ import annotations

import functools
import hashlib
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from numba import njit

#: The kernels of all modules that are imported, numba's dispatchers
KERNELS: list[Any] = []
#: The rooms that have kernels, and all that those may import: what a kernel is compiled from stands in their files
_SOURCES = ("base", "pixels", "scores")


def kernel(*, fastmath: bool | set[str] = False) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorates a function that numba compiles at its first call; it runs without Python's global lock.

    numba's cache is found by file, but imports the function's module by name when it is read. FiftyOne loads the
    plugin under a name that no other process can import, so the functions are given a module name that always exists.
    It notices a change of the function's own file only, not of the functions and constants of other files that are
    compiled into it, so the functions are given a name, by which the cache's files are called, that changes with those.

    Args:
        fastmath: which liberties the compiler may take with floating-point arithmetic, as numba names them

    Returns:
        The decorator.
    """

    def compile_lazily(function: Callable[..., Any]) -> Callable[..., Any]:
        function.__qualname__ += f"_{_digest_of_sources()}"
        compiled = njit(cache=True, nogil=True, error_model="numpy", fastmath=fastmath)(as_cached(function))
        KERNELS.append(compiled)
        return compiled

    return compile_lazily


def is_kept(compiled: Any) -> bool:
    """Whether a kernel is in numba's cache on disk, for some types of arguments."""
    function = compiled.py_func
    name = f"*.{function.__qualname__}-{function.__code__.co_firstlineno}.*.nbi"
    return next(Path(compiled.stats.cache_path).glob(name), None) is not None


def as_cached(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function under a module name that always exists, for what kernels call without being kernels: overloads."""
    name = "label_quality_kernels_" + function.__module__.rpartition(".")[2]
    sys.modules.setdefault(name, ModuleType(name))
    function.__module__ = name
    return function


@functools.cache
def _digest_of_sources() -> str:
    digest, plugin = hashlib.sha256(), Path(__file__).parents[1]
    for path in sorted(path for room in _SOURCES for path in (plugin / room).glob("*.py")):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(plugin)} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:16]
