"""A Ray cluster as the engine: portions are its tasks, files lie where all of its machines see them.

Ray sends what a task needs, starts a task again where a machine was lost, and gives tasks to machines that come later.
What is done here beside that: results come in order, at most a few tasks a core wait, for a core or for those before
them, machines that lack a folder or have other versions are named, and a sample that ends its process every time is
found and refused.
"""

from __future__ import annotations

import contextlib
import math
import os
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from ..base.errors import LabelQualityError
from .config import Execution
from .connection import connect, import_ray
from .engine import Job, Work
from .remote import Terms, Witness, refusal, versions

S = TypeVar("S")
R = TypeVar("R")
J = TypeVar("J", bound=Job)

#: The name of this package here: the App loads it under the name of the plugin's folder
_ROOT = __name__.removesuffix(".plugin.engine.cluster")
#: How often a task is started again after its process or machine was lost
_RETRIES = 2
#: Tasks that wait or run for each core: the next is there when one ends
_TASKS_A_CORE = 2
#: Times as many that are taken and not yielded yet: where one is slow, results behind it wait for it in memory
_AHEAD = 4
#: Seconds without a finished task after which the cluster is looked at
_PATIENCE = 5.0
#: Seconds that a machine with cores is waited for where none is left
_HOPE = 60.0
#: Seconds between two looks at how far the work is
_GLANCE = 1.0
#: Seconds that a machine has to say what it sees; the first process on it takes some to start
_ANSWER = 120.0
#: Files that a machine is asked for, each in a folder of its own; a dataset of more folders has them spread over it
_WITNESSES = 100


class _Lost(Exception):
    """A task's process or machine was lost, each time that it was tried; says how."""


@contextlib.contextmanager
def ray_engine(execution: Execution) -> Iterator[RayEngine]:
    """Connects to a cluster, if this process is not connected to one already.

    Args:
        execution: the address, and the GPUs of a model

    Raises:
        LabelQualityError: Ray is not installed, nothing answers at the address, or there are too few GPUs
    """
    ray = import_ray()
    connected = ray.is_initialized()
    if not connected:
        connect(ray, execution.address)
    engine = RayEngine(ray, execution.num_gpus)
    try:
        engine.check_gpus()
        yield engine
    finally:
        if not connected:
            ray.shutdown()


@dataclass
class RayEngine:
    """Tasks of a Ray cluster, see `engine.Engine`.

    Args:
        ray: the module, connected
        num_gpus: GPUs of a model; None for 1 where there are some
    """

    ray: Any
    num_gpus: float | None = None
    terms: Terms = field(default_factory=lambda: Terms(versions()))
    #: Bytes of all that tasks were given, and have given
    sent: int = 0
    received: int = 0

    elsewhere = True
    #: Samples of a task: it costs some milliseconds
    portion = 16

    @property
    def cores(self) -> int:
        """Cores of all machines, at least 1."""
        return max(1, int(self._resource("CPU")))

    @property
    def has_gpus(self) -> bool:
        """Whether the cluster has GPUs."""
        return self._resource("GPU") > 0

    @property
    def model_gpus(self) -> float:
        """GPUs that a task with a model takes."""
        return (1.0 if self.has_gpus else 0.0) if self.num_gpus is None else self.num_gpus

    def check(self, files: Iterable[str]) -> None:
        """Has every machine look for files, and for the folder that is shared, as of `engine.Engine`.

        Raises:
            LabelQualityError: a machine does not see them, or has other versions; with each machine and what it lacks
        """
        self.terms = replace(self.terms, witnesses=_witnesses(files))
        answers = [(name, self._ask(node)) for node, name in self._nodes().items()]
        lacking: dict[str, list[str]] = {}
        for name, answer in answers:
            if found := self._answered(answer):
                # Several nodes of one machine lack the same
                lacking[name] = found
        if lacking:
            raise refusal(lacking)

    @contextlib.contextmanager
    def sharing(self, folder: str) -> Iterator[None]:
        """As of `engine.Engine`."""
        token = _token(folder)
        self.terms = replace(self.terms, token=token)
        try:
            yield
        finally:
            self.terms = replace(self.terms, token=None)
            Path(token.path).unlink(missing_ok=True)

    def check_gpus(self) -> None:
        """Raises `LabelQualityError` if a model is to have more GPUs than the cluster has."""
        wanted, there = self.num_gpus or 0.0, self._resource("GPU")
        if wanted > there:
            raise LabelQualityError(
                f"Expected a cluster with at least {wanted:g} GPUs, as num_gpus={wanted:g} asks for a model, but it "
                f"has {there:g}. Add machines with GPUs, or give a smaller num_gpus; 0 trains on cores."
            )

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
        return self._map(fn, items, workers, gpus, _give_up, meanwhile, share)

    def map_portions(
        self, work: Work[J, R], job: J, portions: Iterable[range], *, workers: int | None = None, gpus: float = 0.0
    ) -> Iterator[R]:
        def lost(item: tuple[J, range], reason: str) -> R:
            return self._without_fatal(work, *item, reason, gpus)

        items = ((job.window(positions), positions) for positions in portions)
        return self._map(_Portion(work), items, workers, gpus, lost)

    def _without_fatal(self, work: Work[J, R], job: J, positions: range, reason: str, gpus: float) -> R:
        """Works on a portion again, without the samples that end the process when they are worked on alone."""
        alone = [(job.window(range(index, index + 1)), range(index, index + 1)) for index in positions]
        attempts = self._map(_Portion(getattr(work, "attempt", work), quiet=True), alone, None, gpus, _ended)
        reasons = {
            index: f"the process that works on it ends, each of {_RETRIES + 1} times that it was tried: {end} Open "
            "the image and its mask in another program, and replace them or leave the sample out."
            for index, end in zip(positions, attempts, strict=True)
            if end is not None
        }
        rest = self._map(_Portion(work), [(job.refused(reasons), positions)], None, gpus, _give_up)
        return next(iter(rest))

    def _map(
        self,
        fn: Callable[[S], R],
        items: Iterable[S],
        workers: int | None,
        gpus: float,
        lost: Callable[[S, str], R],
        meanwhile: Callable[[], None] | None = None,
        share: float = 1.0,
    ) -> Iterator[R]:
        """Submits items as there is room, and yields results in the items' order, few of which wait for one before."""
        ray = self.ray
        sent = [ray.put(self._packed((self.terms, fn)))]
        task = ray.remote(_worker(_ROOT)).options(num_cpus=_exact(share), num_gpus=gpus, max_retries=_RETRIES)
        numbered, due, more = enumerate(items), 0, True
        waiting: dict[Any, tuple[int, S]] = {}
        found: dict[int, R] = {}
        hope = time.monotonic() + _HOPE
        try:
            while True:
                limit = workers or self._room()
                room = min(limit - len(waiting), _AHEAD * limit - len(waiting) - len(found))
                while more and room > 0:
                    following = next(numbered, None)
                    more = following is not None
                    if following is not None:
                        waiting[task.remote(sent, self._packed(following[1]))] = following
                    room -= 1
                if not waiting:
                    return
                ready, _ = ray.wait(list(waiting), timeout=_PATIENCE if meanwhile is None else _GLANCE)
                if meanwhile is not None:
                    meanwhile()
                if ready or self._resource("CPU"):
                    hope = time.monotonic() + _HOPE
                elif time.monotonic() > hope:
                    raise _no_cores()
                for reference in ready:
                    index, item = waiting.pop(reference)
                    try:
                        found[index] = self._result(reference)
                    except _Lost as error:
                        found[index] = lost(item, str(error))
                while due in found:
                    yield found.pop(due)
                    due += 1
        finally:
            for reference in waiting:
                ray.cancel(reference)
            if waiting:
                ray.wait(list(waiting), num_returns=len(waiting), timeout=_PATIENCE)

    def _result(self, reference: Any) -> Any:
        errors = self.ray.exceptions
        try:
            answer = self.ray.get(reference)
        except (
            errors.WorkerCrashedError,
            errors.NodeDiedError,
            errors.OutOfMemoryError,
        ) as end:
            raise _Lost(str(end).strip().splitlines()[0]) from end
        except errors.RayTaskError as error:
            raise error.as_instanceof_cause() from error
        self.received += len(answer)
        good, result = self.ray.cloudpickle.loads(answer)
        if not good:
            raise result
        return result

    def _packed(self, value: Any) -> bytes:
        packed: bytes = self.ray.cloudpickle.dumps(value)
        self.sent += len(packed)
        return packed

    def _room(self) -> int:
        return max(_TASKS_A_CORE * int(self._resource("CPU")), 2)

    def _resource(self, name: str) -> float:
        return float(self.ray.cluster_resources().get(name, 0))

    def _nodes(self) -> dict[str, str]:
        """Id of each machine that can work to the name that a user knows it by."""
        alive = [node for node in self.ray.nodes() if node["Alive"] and node["Resources"].get("CPU")]
        return {node["NodeID"]: f"{node['NodeManagerAddress']} ({node['NodeManagerHostname']})" for node in alive}

    def _ask(self, node: str) -> Any:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        there = NodeAffinitySchedulingStrategy(node_id=node, soft=False)
        asked = self.ray.cloudpickle.dumps(self.terms)
        return self.ray.remote(_looker(_ROOT)).options(num_cpus=0, scheduling_strategy=there).remote(asked)

    def _answered(self, answer: Any) -> list[str]:
        try:
            return self.ray.get(answer, timeout=_ANSWER)
        except self.ray.exceptions.GetTimeoutError:
            return [f"did not answer within {_ANSWER:g} seconds"]
        except self.ray.exceptions.RayError as error:
            return [f"cannot work: {str(error).strip().splitlines()[-1]}"]


@dataclass(frozen=True)
class _Portion:
    """Works on a portion as the one item of a task."""

    work: Callable[[Any, range], Any]
    quiet: bool = False

    def __call__(self, item: tuple[Any, range]) -> Any:
        if not self.quiet:
            return self.work(*item)
        # Errors of a sample alone are those of its whole portion: what is asked is whether the process ends
        with contextlib.suppress(Exception):
            self.work(*item)
        return None


def _exact(share: float) -> float:
    """A share of a core as Ray counts it, in ten thousandths; rounded down, so that three thirds are one."""
    return math.floor(share * 10_000) / 10_000


def _ended(item: Any, reason: str) -> str:
    return reason


def _give_up(item: Any, reason: str) -> Any:
    raise LabelQualityError(
        f"A process or a machine of the cluster was lost {_RETRIES + 1} times in the same piece of work: {reason} Look "
        "at the logs of Ray and at the memory of its machines, and start again with the same parameters: what is "
        "finished is kept."
    )


def _no_cores() -> LabelQualityError:
    return LabelQualityError(
        f"For {_HOPE:g} seconds no machine of the cluster has had a core to work on. Add one, and start again with the "
        "same parameters: what is finished is kept."
    )


def _worker(root: str) -> Callable[[Sequence[Any], bytes], bytes]:
    """What a task calls; made here, so that it is sent whole and not by the name that it has in this process."""

    def work(sent: Sequence[Any], item: bytes) -> bytes:
        import importlib
        import sys

        sys.modules.setdefault(root, importlib.import_module("label_quality"))
        return importlib.import_module(f"{root}.plugin.engine.remote").work_on(sent, item)

    return work


def _looker(root: str) -> Callable[[bytes], list[str]]:
    """What a machine calls to say what it lacks; made here for the same reason."""

    def look(terms: bytes) -> list[str]:
        import importlib
        import pickle
        import sys

        try:
            sys.modules.setdefault(root, importlib.import_module("label_quality"))
        except ImportError as error:
            return [f"cannot import label_quality ({error}): install fiftyone-label-quality there"]
        return importlib.import_module(f"{root}.plugin.engine.remote").problems(pickle.loads(terms))

    return look


def _token(folder: str) -> Witness:
    """A file that is in the run's folder while it runs, and nowhere else."""
    path = Path(folder) / f".{secrets.token_hex(8)}.{os.getpid()}-0.tmp"
    content = secrets.token_bytes(64 + secrets.randbelow(64))
    path.write_bytes(content)
    return Witness(str(path), len(content))


def _witnesses(files: Iterable[str]) -> tuple[Witness, ...]:
    """A file in each folder that has some, or of very many folders in some spread over them."""
    first: dict[str, str] = {}
    for path in files:
        first.setdefault(os.path.dirname(path), path)
    chosen = list(first.values())[:: max(1, len(first) // _WITNESSES)]
    return tuple(Witness(path, os.path.getsize(path)) for path in chosen if os.path.isfile(path))
