"""A pass over the samples in shards: each leaves its results in the store, where a killed run goes on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..base.executor import map_shards
from ..base.progress import Progress
from .stored_set import ShardedSet

#: Samples a shard: a kill loses the work on one at most, and its results are one small file
SHARD_SIZE = 16


def shards_of(samples: int) -> range:
    """Numbers of the shards of that many samples."""
    return range(-(-samples // SHARD_SIZE))


def members(shard: int, samples: int) -> range:
    """Positions of a shard's samples."""
    return range(shard * SHARD_SIZE, min((shard + 1) * SHARD_SIZE, samples))


def run_pass(
    store: ShardedSet,
    stage: str,
    samples: int,
    work: Callable[[int], Any],
    title: str,
    progress: Progress,
    workers: int | None = None,
) -> None:
    """Does the shards that have no results in the store yet.

    Args:
        store: where the results of a shard go
        stage: their name in the store
        samples: number of samples
        work: from a shard's number to its results; called from several threads at once
        title: the stage's name for the user
        progress: told after every shard
        workers: threads; None for one a core
    """

    def finish(shard: int) -> int:
        store.write_shard(stage, shard, work(shard))
        return len(members(shard, samples))

    left = [shard for shard in shards_of(samples) if not store.shard_done(stage, shard)]
    done = samples - sum(len(members(shard, samples)) for shard in left)
    for finished in map_shards(finish, left, workers):
        done += finished
        progress(title, done, samples)
