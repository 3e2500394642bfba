"""A pass over the samples in shards: each leaves its results in the store, where a killed run goes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from ..base.progress import Progress
from ..engine.engine import Job, Work, current_engine
from .stored_set import ShardedSet

J = TypeVar("J", bound=Job)
#: Samples a shard: a kill loses the work on one at most, and its results are one small file
SHARD_SIZE = 16


def shards_of(samples: int) -> range:
    """Numbers of the shards of that many samples."""
    return range(-(-samples // SHARD_SIZE))


def members(shard: int, samples: int) -> range:
    """Positions of a shard's samples."""
    return range(shard * SHARD_SIZE, min((shard + 1) * SHARD_SIZE, samples))


def shard_of(positions: range) -> int:
    """The number of the shard that has these samples."""
    return positions.start // SHARD_SIZE


def run_pass(
    store: ShardedSet,
    stage: str,
    samples: int,
    job: J,
    work: Work[J, Any],
    title: str,
    progress: Progress,
    workers: int | None = None,
) -> None:
    """Does the shards that have no results in the store yet, on the engine of this call.

    Args:
        store: where the results of a shard go
        stage: their name in the store
        samples: number of samples
        job: what has the samples
        work: from the job and the positions of a shard's samples to its results
        title: the stage's name for the user
        progress: told after every shard
        workers: threads; None for one a core
    """
    left = [members(shard, samples) for shard in shards_of(samples) if not store.shard_done(stage, shard)]
    done = samples - sum(map(len, left))
    for finished in current_engine().map_portions(_Kept(store, stage, work), job, left, workers=workers):
        done += finished
        progress(title, done, samples)


@dataclass(frozen=True)
class _Kept(Generic[J]):
    """Works on a shard where it is called, and leaves its results in the store."""

    store: ShardedSet
    stage: str
    work: Work[J, Any]

    def __call__(self, job: J, positions: range) -> int:
        """Returns how many samples the shard has."""
        self.store.write_shard(self.stage, shard_of(positions), self.work(job, positions))
        return len(positions)

    def attempt(self, job: J, positions: range) -> None:
        """Works on some samples of a shard, to see whether that ends the process; keeps nothing as the shard's."""
        self.work(job, positions)
