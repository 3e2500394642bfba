"""Where the work runs: a function mapped over shards by threads, results in order, memory bounded.

Threads suffice because what costs time (numba kernels, OpenCV, zstd, PIL, torch) releases Python's global lock.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

S = TypeVar("S")
R = TypeVar("R")

#: Errors of the system that may be gone a moment later: a network file system that hiccups, too many open files
_TRANSIENT = {
    errno.EAGAIN,
    errno.EBUSY,
    errno.EINTR,
    errno.EIO,
    errno.EMFILE,
    errno.ENFILE,
    errno.ESTALE,
    errno.ETIMEDOUT,
}


def map_shards(fn: Callable[[S], R], shards: Iterable[S], workers: int | None = None, retries: int = 1) -> Iterator[R]:
    """Applies a function to every shard and yields the results in the shards' order.

    At most ``workers + 2`` shards are taken from the iterable, under way or waiting to be yielded at any time. Closing
    the iterator, as leaving a loop over it does, cancels what has not begun and waits for what has.

    Args:
        fn: called from several threads at once; its result should be small
        shards: taken one by one, as they are needed
        workers: threads; 1 works in the calling thread; None for one a core
        retries: how often a shard is tried again after a transient system error (`OSError`)

    Yields:
        the result of each shard

    Raises:
        Exception: what ``fn`` raised for a shard, with a note (Python 3.11 and newer) that says which; the results of
            the shards before it have been yielded by then
    """
    count = workers or os.cpu_count() or 1
    _limit_inner_threads()
    numbered = enumerate(shards)
    if count == 1:
        return (_attempt(fn, index, shard, retries) for index, shard in numbered)
    return _in_threads(fn, numbered, count, retries)


def _in_threads(fn: Callable[[S], R], numbered: Iterator[tuple[int, S]], workers: int, retries: int) -> Iterator[R]:
    with _BLAS.one_thread():
        yield from _in_pool(fn, numbered, workers, retries)


def _in_pool(fn: Callable[[S], R], numbered: Iterator[tuple[int, S]], workers: int, retries: int) -> Iterator[R]:
    pool = ThreadPoolExecutor(workers, thread_name_prefix="label-quality")
    waiting: deque[Future[R]] = deque()
    try:
        for index, shard in numbered:
            waiting.append(pool.submit(_attempt, fn, index, shard, retries))
            if len(waiting) >= workers + 2:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _attempt(fn: Callable[[S], R], index: int, shard: S, retries: int) -> R:
    for left in range(retries, -1, -1):
        try:
            return fn(shard)
        except Exception as error:
            if not left or not _transient(error):
                _note(error, f"in shard {index}")
                raise
    raise ValueError(f"Expected retries to be at least 0, but got {retries}")


def _transient(error: BaseException) -> bool:
    return isinstance(error, OSError) and error.errno in _TRANSIENT


def _note(error: BaseException, text: str) -> None:
    if hasattr(error, "add_note"):
        error.add_note(text)


class _Blas:
    """The threads of NumPy's matrix products, which are the whole process's.

    Products of several workers wait for one another there: small ones took ten times as long.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._maps = 0
        self._limits: Any = None
        self._libraries: Any = None
        self._modules = 0

    @contextlib.contextmanager
    def one_thread(self) -> Iterator[None]:
        """A block, of any number at once, in which a product has the thread that asks for it alone."""
        with self._lock:
            self._maps += 1
            if self._maps == 1:
                self._limits = self._found().limit(limits=1, user_api="blas")
        try:
            yield
        finally:
            with self._lock:
                self._maps -= 1
                if not self._maps:
                    self._limits.restore_original_limits()

    def _found(self) -> Any:
        """The libraries. To look for them takes ten milliseconds; more come only with modules."""
        from threadpoolctl import ThreadpoolController

        modules = len(sys.modules)
        if self._modules != modules:
            self._libraries, self._modules = ThreadpoolController(), modules
        return self._libraries


_BLAS = _Blas()


def _limit_inner_threads() -> None:
    # Every worker has one core: OpenCV's own threads would only take turns with the other workers
    import cv2

    if cv2.getNumThreads() != 1:
        cv2.setNumThreads(1)
