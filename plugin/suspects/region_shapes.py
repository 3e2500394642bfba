"""What tells an object that is wrong from a displaced edge: measures of each region where a mask is contradicted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from skimage.measure import label as connected_components

_ALL, _FIRST, _LAST = slice(None), slice(None, -1), slice(1, None)
#: Where a block and its neighbour are, for each way to neighbour an edge, and then a corner
_EDGES = ((_ALL, _FIRST, _ALL, _LAST), (_FIRST, _ALL, _LAST, _ALL))
_CORNERS = ((_FIRST, _FIRST, _LAST, _LAST), (_FIRST, _LAST, _LAST, _FIRST))


@dataclass(frozen=True)
class Shapes:
    """The measures of n regions, in blocks.

    Args:
        blocks: (n,) int64, the region's size
        half_width: (n,) int64, how far its innermost block is from blocks outside, at least 1; what is beyond the
            image's border is not outside
        object_half_width: (n,) int64, likewise of the object that the region is part of by what is seen
        contact: (n,) float64 in [0, 1], share of its outline that adjoins what is both given and seen as the class that
            the region is seen as; the outline leaves out the image's border and ignored blocks
        edge: (n,) float64, how long that part of the outline is, but at most half of it: a band has its edge on one
            side, and what is surrounded has it on all
        share: (n,) float64 in (0, 1], how much of the given object that it lies in is seen as that class, this region
            and others together
    """

    blocks: np.ndarray
    half_width: np.ndarray
    object_half_width: np.ndarray
    contact: np.ndarray
    edge: np.ndarray
    share: np.ndarray


def find_contradicted(labels: np.ndarray, seen: np.ndarray, classes: int) -> np.ndarray:
    """Numbers the regions in which one class is given and one other class is seen.

    Args:
        labels: (h, w) int16 given classes, negative where ignored
        seen: (h, w) int16 predicted classes
        classes: number of classes K

    Returns:
        (h, w) int, the number of each block's 8-connected region from 1 on; 0 where nothing is contradicted.
    """
    pairs = labels.astype(np.int32) * classes + seen + 1
    pairs[(labels < 0) | (labels == seen)] = 0
    return connected_components(pairs, background=0, connectivity=2)


def find_objects(labels: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Numbers the objects that are seen.

    Args:
        labels: (h, w) int16 given classes, negative where ignored
        seen: (h, w) int16 predicted classes

    Returns:
        (h, w) int, the number of each block's 8-connected object from 1 on; 0 where ignored.
    """
    return connected_components(np.where(labels >= 0, seen.astype(np.int32) + 1, 0), background=0, connectivity=2)


def measure(numbers: np.ndarray, labels: np.ndarray, seen: np.ndarray, objects: np.ndarray) -> Shapes:
    """Measures all regions of one image.

    Args:
        numbers: as `find_contradicted` gives them
        labels: (h, w) int16 given classes, negative where ignored
        seen: (h, w) int16 predicted classes
        objects: as `find_objects` gives them

    Returns:
        The measures; region r is at r - 1.
    """
    count = int(numbers.max(initial=0))
    blocks = np.bincount(numbers.ravel(), minlength=count + 1)[1:]
    outline, adjoining = _outline(numbers, labels, seen, count)
    widths = _half_width(numbers, count), _object_half_width(numbers, objects)
    contact, edge = adjoining / np.maximum(outline, 1), np.minimum(adjoining, outline / 2)
    return Shapes(blocks, *widths, contact, edge, _share(numbers, labels, seen, blocks))


def some_block(numbers: np.ndarray) -> np.ndarray:
    """(n,) int64, the flat index of one block of each region."""
    flat = numbers.ravel()
    index = np.zeros(int(flat.max(initial=0)) + 1, np.int64)
    index[flat] = np.arange(flat.size)
    return index[1:]


def sum_together(keys: np.ndarray, values: np.ndarray) -> np.ndarray:
    """(n,) float64, for each of n regions the sum of the values of all regions with its key."""
    _, same = np.unique(keys, return_inverse=True)
    return np.bincount(same, values)[same]


def _outline(numbers: np.ndarray, labels: np.ndarray, seen: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """(n,) int64, how long each region's outline is, and how much of it adjoins more of what is seen in the region."""
    outline, adjoining = np.zeros(count + 1, np.int64), np.zeros(count + 1, np.int64)
    for here, there in _neighbours(_EDGES):
        leaves = (numbers[here] > 0) & (numbers[there] != numbers[here]) & (labels[there] >= 0)
        goes_on = leaves & (labels[there] == seen[there]) & (seen[there] == seen[here])
        outline += np.bincount(numbers[here][leaves], minlength=count + 1)
        adjoining += np.bincount(numbers[here][goes_on], minlength=count + 1)
    return outline[1:], adjoining[1:]


def _half_width(numbers: np.ndarray, count: int) -> np.ndarray:
    """The largest chessboard distance from a block of the region to a block outside."""
    inner = np.ones(numbers.shape, np.uint8)
    for here, there in _neighbours(_EDGES + _CORNERS):
        inner[here][numbers[here] != numbers[there]] = 0
    distance = np.minimum(cv2.distanceTransform(inner, cv2.DIST_C, 3), max(numbers.shape)).astype(np.int64) + 1
    widest = np.zeros(count + 1, np.int64)
    np.maximum.at(widest, numbers.ravel(), distance.ravel())
    return widest[1:]


def _object_half_width(numbers: np.ndarray, objects: np.ndarray) -> np.ndarray:
    return _half_width(objects, int(objects.max(initial=0)))[objects.ravel()[some_block(numbers)] - 1]


def _share(numbers: np.ndarray, labels: np.ndarray, seen: np.ndarray, blocks: np.ndarray) -> np.ndarray:
    objects = connected_components(labels.astype(np.int32) + 1, background=0, connectivity=2).ravel()
    of_region = some_block(numbers)
    place = objects[of_region]
    suggestion = place * (int(seen.max(initial=0)) + 1) + seen.ravel()[of_region]
    return sum_together(suggestion, blocks) / np.bincount(objects)[place]


def _neighbours(ways: tuple[tuple[slice, ...], ...]) -> Iterator[tuple[tuple[slice, slice], tuple[slice, slice]]]:
    """Where blocks are that have a neighbour, and where that neighbour is: in both directions of each way."""
    for rows, columns, other_rows, other_columns in ways:
        yield (rows, columns), (other_rows, other_columns)
        yield (other_rows, other_columns), (rows, columns)
