"""What an engine is, and which one the work of this call runs on."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

from ..base.executor import map_shards
from .config import RAY, Execution

S = TypeVar("S")
R = TypeVar("R")
J = TypeVar("J", bound="Job")


class Job(Protocol):
    """What is to be done with many samples, and of which a part can be sent elsewhere."""

    def window(self, positions: range) -> Any:
        """The job as far as the samples at these positions need it."""

    def refused(self, reasons: Mapping[int, str]) -> Any:
        """The same, but that the samples at these positions raise a `SampleError` for these reasons."""


#: From a job and the positions of some samples to a small result; at the top level of a module, or an object. It may be
#: called again for the same samples
Work: TypeAlias = Callable[[J, range], R]


class Whole:
    """Of what is worked on in this process alone, as it needs the database: nothing of it is cut or sent."""

    def window(self, positions: range) -> Whole:
        """Itself."""
        return self

    def refused(self, reasons: Mapping[int, str]) -> Whole:
        """Itself."""
        return self


class Engine(Protocol):
    """Runs functions, here or elsewhere. All that they read and write are files."""

    @property
    def elsewhere(self) -> bool:
        """Whether the work runs in other processes, which share nothing but files with this one."""

    @property
    def portion(self) -> int:
        """How many samples a task has where nothing else says so."""

    @property
    def cores(self) -> int:
        """Cores that there are for the work, at least 1."""

    @property
    def has_gpus(self) -> bool | None:
        """Whether there are GPUs where the work runs; None where that is this process, which can look itself."""

    @property
    def model_gpus(self) -> float:
        """GPUs that a task with a model takes."""

    def check(self, files: Iterable[str]) -> None:
        """Raises `LabelQualityError` if the work cannot be done wherever it may run, as these files are not seen there.

        Within the block of `sharing` the folder has to be seen too.
        """

    def sharing(self, folder: str) -> contextlib.AbstractContextManager[None]:
        """A block whose work leaves what it makes in a folder, which holds a file more meanwhile."""

    def map(
        self,
        fn: Callable[[S], R],
        items: Iterable[S],
        *,
        workers: int | None = None,
        share: float = 1.0,
        gpus: float = 0.0,
        meanwhile: Callable[[], None] | None = None,
    ) -> Iterator[R]:
        """Applies a function to each item; yields in their order.

        Args:
            fn: may be called again for an item where a machine was lost
            items: taken one by one, as they are needed
            workers: most items that are worked on at once; None for as many as the cores allow
            share: of a core that an item takes
            gpus: GPUs that an item takes
            meanwhile: called every second or so while the work runs elsewhere
        """

    def map_portions(
        self, work: Work[J, R], job: J, portions: Iterable[range], *, workers: int | None = None, gpus: float = 0.0
    ) -> Iterator[R]:
        """As `map`, of portions of a job; a sample that ends its process every time is refused and named."""


class LocalEngine:
    """Threads of this process, see `executor.map_shards`."""

    elsewhere = False
    portion = 1
    has_gpus = None
    model_gpus = 0.0

    @property
    def cores(self) -> int:
        """As of `Engine`."""
        return os.cpu_count() or 1

    def check(self, files: Iterable[str]) -> None:
        """Nothing to check: the work runs where it is asked for."""

    def sharing(self, folder: str) -> contextlib.AbstractContextManager[None]:
        """Nothing to share."""
        return contextlib.nullcontext()

    def map(
        self,
        fn: Callable[[S], R],
        items: Iterable[S],
        *,
        workers: int | None = None,
        share: float = 1.0,
        gpus: float = 0.0,
        meanwhile: Callable[[], None] | None = None,
    ) -> Iterator[R]:
        return map_shards(fn, items, workers or round(self.cores / share))

    def map_portions(
        self, work: Work[J, R], job: J, portions: Iterable[range], *, workers: int | None = None, gpus: float = 0.0
    ) -> Iterator[R]:
        return map_shards(lambda positions: work(job, positions), portions, workers)


_HERE = LocalEngine()
_current: ContextVar[Engine] = ContextVar("engine", default=_HERE)


def current_engine() -> Engine:
    """The engine of this call."""
    return _current.get()


@contextlib.contextmanager
def running_on(execution: Execution | None) -> Iterator[Engine]:
    """Runs the work of the block on an engine.

    Args:
        execution: which one; None for that of the surrounding block

    Raises:
        LabelQualityError: Ray is not installed, the cluster does not answer, or lacks what is asked for
    """
    if execution is None:
        yield current_engine()
        return
    with _opened(execution) as engine:
        token = _current.set(engine)
        try:
            yield engine
        finally:
            _current.reset(token)


@contextlib.contextmanager
def _opened(execution: Execution) -> Iterator[Engine]:
    if execution.engine != RAY:
        yield _HERE
        return
    from .cluster import ray_engine

    with ray_engine(execution) as engine:
        yield engine


def map_samples(
    fn: Callable[[J, int], R], job: J, samples: int, *, workers: int | None = None, gpus: float = 0.0
) -> Iterator[R]:
    """Applies a function to each of a job's samples; yields in their order.

    Args:
        fn: at the top level of a module, or an object; from the job and a position to a small result
        job: what has the samples
        samples: number of samples
        workers: as of `Engine.map`
        gpus: as of `Engine.map`
    """
    engine = current_engine()
    portions = (range(start, min(start + engine.portion, samples)) for start in range(0, samples, engine.portion))
    found: list[R]
    for found in engine.map_portions(_Each(fn), job, portions, workers=workers, gpus=gpus):
        yield from found


class _Each(Generic[J, R]):
    """Applies a function to each sample of a portion."""

    def __init__(self, fn: Callable[[J, int], R]) -> None:
        self.fn = fn

    def __call__(self, job: J, positions: range) -> list[R]:
        return [self.fn(job, index) for index in positions]
