"""The components of one mask as rows of a table that is small enough to keep for all masks of a dataset."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from ..base.types import IGNORED
from ..pixels.component_shapes import ComponentShapes, contacts, measure_components
from .frames import Band

#: A row: ``sample`` is the mask's position; ``given`` its class index, `IGNORED` for ignored pixels; ``void`` whether
#: it is unlabelled or ignored; ``thin`` whether no 3 × 3 pixels of it are all its own; ``length`` and ``width`` as of
#: `lengths`; ``enclosed`` whether one component is all around it; ``host`` and ``other`` the classes of the two
#: components that it shares most of its outline with and ``second`` the share of it that is with the other; ``part``
#: whether it is void and touches other void pixels; ``cut_off`` whether another component of its class is `_APART` away
ROW = np.dtype(
    [
        ("sample", np.int32),
        ("given", np.int16),
        ("area", np.int32),
        ("box", np.int32, 4),
        ("centre", np.float32, 2),
        ("length", np.float32),
        ("width", np.float32),
        ("host", np.int16),
        ("other", np.int16),
        ("second", np.float32),
        ("enclosed", bool),
        ("thin", bool),
        ("void", bool),
        ("part", bool),
        ("cut_off", bool),
    ]
)
#: Class index of what is beside a component that touches no second one
NOTHING = -2
#: Labels of the components: a frame's; of thin ignored and thin unlabelled pixels; and class indices from here on
_FRAME, _THIN_IGNORED, _THIN_UNLABELLED, _FIRST = 0, 1, 2, 4
_SQUARE = np.ones((3, 3), np.uint8)
#: Rows or columns from a pixel to another one, with one pixel between them
_APART = 2
_RING = [
    (row, column)
    for row in range(-_APART, _APART + 1)
    for column in range(-_APART, _APART + 1)
    if max(abs(row), abs(column)) == _APART
]


def mask_components(
    labels: np.ndarray, sample: int, unlabelled: int | None, bands: Sequence[Band], few: int
) -> np.ndarray:
    """The components of a mask, those of a frame left out.

    Thin parts of what is unlabelled or ignored, in which no 3 × 3 pixels fit, are components of their own.

    Args:
        labels: (H, W) int16 class indices, `IGNORED` where ignored
        sample: the mask's position
        unlabelled: index of the class where unlabelled things are, or None
        bands: the mask's frame
        few: what is beside a component is looked at for those of at most so many pixels, and for thin ones

    Returns:
        (n,) rows of `ROW`
    """
    shapes = measure_components(_components_of(labels, unlabelled, bands))
    given = shapes.label - _FIRST
    given[shapes.label == _THIN_IGNORED] = IGNORED
    given[shapes.label == _THIN_UNLABELLED] = NOTHING if unlabelled is None else unlabelled
    rows = np.zeros(len(given), ROW)
    rows["sample"], rows["given"], rows["area"], rows["box"] = sample, given, shapes.area, shapes.box
    rows["centre"], rows["thin"] = shapes.centre, shapes.core == 0
    rows["void"] = given < 0 if unlabelled is None else (given < 0) | (given == unlabelled)
    rows["length"], rows["width"] = lengths(shapes)
    rows["host"] = rows["other"] = NOTHING
    framed = shapes.label == _FRAME
    _look_around(rows, shapes, framed, (rows["area"] <= few) | rows["thin"])
    rows["cut_off"] = _cut_off(shapes, rows["area"] <= few)
    return rows[~framed]


def lengths(shapes: ComponentShapes) -> tuple[np.ndarray, np.ndarray]:
    """Length and mean width of components in pixels, (n,) float64 each, as of a rectangle of their area and variance.

    A rectangle of length a has the variance a²/12 along it, so length = √(12 · variance) and width = area / length.
    """
    length = np.sqrt(12 * shapes.axes[:, 0])
    return length, shapes.area / length


def _components_of(labels: np.ndarray, unlabelled: int | None, bands: Sequence[Band]) -> np.ndarray:
    """(H, W) int32 labels of the components."""
    marked = labels.astype(np.int32) + _FIRST
    ignored = labels == IGNORED
    void = ignored if unlabelled is None else ignored | (labels == unlabelled)
    if void.any():
        opened = cv2.morphologyEx(void.astype(np.uint8), cv2.MORPH_OPEN, _SQUARE)
        thin = void & (opened == 0)
        marked[thin & ignored] = _THIN_IGNORED
        marked[thin & ~ignored] = _THIN_UNLABELLED
    for band in bands:
        marked[band.window(marked.shape)] = _FRAME
    return marked


def _look_around(rows: np.ndarray, shapes: ComponentShapes, framed: np.ndarray, wanted: np.ndarray) -> None:
    """Fills what is beside the wanted components."""
    found = contacts(shapes.numbers, wanted & ~framed)
    if not len(found):
        return
    one, other, edges = found.T
    outside = (other < 0) | framed[other]
    void = rows["void"][other] & ~outside
    rows["part"][one[void & rows["void"][one]]] = True
    # Of void components only what is no void either counts as beside them
    beside = ~outside & ~(void & rows["void"][one])
    touches_outside = np.zeros(len(rows), bool)
    touches_outside[one[outside]] = True
    one, other, edges = one[beside], other[beside], edges[beside]
    order = np.lexsort((-edges, one))
    one, other, edges = one[order], other[order], edges[order]
    start = np.flatnonzero(np.append(True, one[1:] != one[:-1])) if len(one) else np.zeros(0, np.intp)
    number = np.diff(np.append(start, len(one)))
    rows["host"][one[start]] = rows["given"][other[start]]
    rows["enclosed"][one[start]] = (number == 1) & ~touches_outside[one[start]] & ~rows["part"][one[start]]
    second = start[number > 1] + 1
    rows["other"][one[second]] = rows["given"][other[second]]
    rows["second"][one[second]] = edges[second] / shapes.outline[one[second]]


def _cut_off(shapes: ComponentShapes, wanted: np.ndarray) -> np.ndarray:
    """Which of the wanted components have another one of their label with one pixel between, (n,) bool."""
    y, x = np.nonzero(wanted[shapes.numbers])
    own, found = shapes.numbers[y, x], np.zeros(len(wanted), bool)
    # Outside of the mask is a component that has no label
    around, label = np.pad(shapes.numbers, _APART, constant_values=-1), np.append(shapes.label, -1)
    for row, column in _RING:
        other = around[y + row + _APART, x + column + _APART]
        found[own[(other != own) & (label[other] == label[own])]] = True
    return found
