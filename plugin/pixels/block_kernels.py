"""The compiled loops over blocks of pixels: their votes, and what the scores need of arrays that are pooled.

Labels are int16 with a negative value where a pixel takes no part.
"""

from __future__ import annotations

import numpy as np

from ..base.types import IGNORED
from .compiled import kernel
from .lanes import LANES, above, choose, fill, load, load_to_change, prefetch, store
from .pool_kernels import CHUNK_PIXELS


@kernel()
def vote(labels: np.ndarray, factor: int, seen: np.ndarray, pooled: np.ndarray, sizes: np.ndarray) -> None:
    """Elects the class of each block, the smaller where votes are equal, and counts its pixels that take part.

    Args:
        labels: (H, W) int16
        factor: side of a block
        seen: (K,) bool, False before and after
        pooled: (h, w) int16, filled; `IGNORED` where nothing takes part
        sizes: (h, w) int32, filled
    """
    height, blocks = labels.shape[0], pooled.shape[1]
    members = np.empty((factor * factor, blocks), np.int16)
    votes, most = np.empty(blocks, np.int32), np.empty(blocks, np.int32)
    for y in range(pooled.shape[0]):
        rows = labels[y * factor : min((y + 1) * factor, height)]
        if factor == 4:
            _collect_members(rows, 4, members, seen)
        else:
            _collect_members(rows, factor, members, seen)
        winner, total = pooled[y], sizes[y]
        winner[:], total[:], most[:] = np.int16(IGNORED), 0, 0
        for k in range(seen.size):
            if seen[k]:
                seen[k] = False
                _count_votes(members, np.int16(k), votes)
                _raise_most(votes, k, most, winner, total)


@kernel()
def _collect_members(rows: np.ndarray, factor: int, members: np.ndarray, seen: np.ndarray) -> None:
    """Lays the pixels of a row of blocks out by their place in the block, and marks the classes among them."""
    members[:] = np.int16(IGNORED)
    height, width = rows.shape
    for y in range(height):
        row = rows[y]
        for x in range(width):
            if row[x] >= 0:
                seen[row[x]] = True
        for x in range(factor):
            place = members[y * factor + x]
            for block in range((width - x + factor - 1) // factor):
                place[block] = row[block * factor + x]


@kernel()
def _count_votes(members: np.ndarray, label: np.int16, votes: np.ndarray) -> None:
    votes[:] = 0
    for place in range(members.shape[0]):
        row = members[place]
        for block in range(votes.size):
            votes[block] += np.int32(row[block] == label)


@kernel()
def _raise_most(votes: np.ndarray, index: int, most: np.ndarray, winner: np.ndarray, total: np.ndarray) -> None:
    for block in range(votes.size):
        count, highest, before = votes[block], most[block], winner[block]
        total[block] += count
        most[block] = count if count > highest else highest
        winner[block] = np.int16(index) if count > highest else before


@kernel()
def find_maximum(probabilities: np.ndarray, limits: np.ndarray, largest: np.ndarray, winner: np.ndarray) -> None:
    """Finds the class of the largest probability among those that reach their class's limit.

    Args:
        probabilities: (K, N) float32
        limits: (K,) float32; -inf where any probability will do
        largest: (N,) float32, filled; -1 where no class reaches its limit
        winner: (N,) int16, filled; the smaller class where several are equal, -1 where no class reaches its limit
    """
    classes, pixels = probabilities.shape
    flat, whole = probabilities.reshape(-1), pixels // LANES * LANES
    largest[:], winner[:] = np.float32(-1), np.int16(-1)
    for start in range(0, whole, CHUNK_PIXELS):
        for k in range(classes):
            limit, none, index = fill(limits[k]), fill(np.float32(-1)), fill(np.int16(k))
            for i in range(start, min(start + CHUNK_PIXELS, whole), LANES):
                prefetch(flat, (k + 1) * pixels + i)
                value, most = load(flat, k * pixels + i), load_to_change(largest, i)
                value = choose(above(limit, value), none, value)
                higher = above(value, most)
                store(largest, i, choose(higher, value, most))
                store(winner, i, choose(higher, index, load_to_change(winner, i)))
    for k in range(classes):
        for i in range(whole, pixels):
            value = probabilities[k, i]
            if value > largest[i] and value >= limits[k]:
                largest[i], winner[i] = value, np.int16(k)


@kernel()
def take_given(probabilities: np.ndarray, labels: np.ndarray, given: np.ndarray) -> None:
    """Fills ``given`` (N,) float32 with the probability of the given class; 0 where a pixel takes no part."""
    for i in range(labels.size):
        label = labels[i]
        given[i] = probabilities[label, i] if label >= 0 else np.float32(0)
