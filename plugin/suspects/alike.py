"""An order in which places that look alike stand together, and the most useful ones come first.

Places are merged by average linkage, the two groups whose members are nearest on average first, until all are one. Of
the two groups of each merger, the one with the most useful member stands first. So the order begins with the most
useful place, then come those most like it, and there is nothing to choose: no number of groups and no threshold.

References:
    R. R. Sokal and C. D. Michener, "A statistical method for evaluating systematic relationships", 1958
"""

from __future__ import annotations

import numpy as np
from scipy.cluster.hierarchy import linkage
from scipy.spatial.distance import pdist


def alike_first(descriptors: np.ndarray, usefulness: np.ndarray) -> np.ndarray:
    """Orders places.

    Args:
        descriptors: (n, C) of what each looks like, see `appearance`; those of NaN are not known
        usefulness: (n,) of each

    Returns:
        (n,) int64, the places in their order; those of which nothing is known come last, the most useful first
    """
    known = np.flatnonzero(np.isfinite(descriptors).all(axis=1))
    unknown = np.setdiff1d(np.arange(len(descriptors)), known)
    others = unknown[np.argsort(-usefulness[unknown], kind="stable")]
    if len(known) < 3:
        return np.concatenate([known[np.argsort(-usefulness[known], kind="stable")], others])
    merged = linkage(pdist(_directions(descriptors[known].astype(np.float64))), method="average")
    return np.concatenate([known[_leaves(merged[:, :2].astype(np.int64), usefulness[known])], others])


def most_like(descriptors: np.ndarray, place: int) -> np.ndarray:
    """Orders places by how much they are like one of them, by the angle between them about the mean of all.

    Args:
        descriptors: (n, C) as of `alike_first`
        place: the one that the others are compared with, of which it is known what it looks like

    Returns:
        (n,) int64, the places in their order, that one first; those of which nothing is known come last, as they are
    """
    known = np.isfinite(descriptors).all(axis=1)
    likeness = np.full(len(descriptors), -np.inf)
    directions = _directions(descriptors[known].astype(np.float64))
    likeness[known] = directions @ directions[np.count_nonzero(known[:place])]
    # Ahead of others that look the same to the last bit
    likeness[place] = np.inf
    return np.argsort(-likeness, kind="stable")


def _directions(descriptors: np.ndarray) -> np.ndarray:
    """(n, C) of length 1 about the mean, each measure in its standard deviations: their distance is that of angles."""
    standardised = (descriptors - descriptors.mean(axis=0)) / (descriptors.std(axis=0) + 1e-6)
    return standardised / np.maximum(np.linalg.norm(standardised, axis=1, keepdims=True), 1e-9)


def _leaves(mergers: np.ndarray, usefulness: np.ndarray) -> np.ndarray:
    """The order of n places that were merged, of each two groups the one with the most useful member first.

    Args:
        mergers: (n - 1, 2) groups that are merged; n + i is what merger i makes
        usefulness: (n,)
    """
    count = len(usefulness)
    following = np.full(count, -1)
    first, last = list(range(count)), list(range(count))
    most = usefulness.tolist()
    for one, other in mergers.tolist():
        ahead, behind = (one, other) if most[one] >= most[other] else (other, one)
        following[last[ahead]] = first[behind]
        first.append(first[ahead])
        last.append(last[behind])
        most.append(most[ahead])
    order, place = np.empty(count, np.int64), first[-1]
    for number in range(count):
        order[number], place = place, following[place]
    return order
