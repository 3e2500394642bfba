"""Errors that a lint of masks finds, planted into masks: each knows its place.

A plant changes a copy of the class indices of a mask and says where, or finds no room for itself. Classes are drawn
from those that other masks have, so that no plant is found for its class alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
from label_quality.plugin.lint.findings import FRAME, GAP, HOLE, OUTLIER, RARE_CLASS, SLIVER, STRAY, UNKNOWN_VALUE

#: Left, top, width and height in pixels
Box = tuple[int, int, int, int]
_TRIES = 200
#: Pixels around a small plant that are of no third class
_ROOM = 4


@dataclass(frozen=True)
class Known:
    """What plants are drawn from.

    Args:
        classes: indices of the classes that masks have, but for the unlabelled one and for a rare one
        unlabelled: index of the unlabelled class
        rare: index of a class that no mask has
        stranger: a value outside the class table
    """

    classes: Sequence[int]
    unlabelled: int
    rare: int
    stranger: int


def stray(labels: np.ndarray, known: Known, rng: np.random.Generator) -> Box | None:
    """One to six pixels of a class on an edge between two others."""
    height, width = (int(one) for one in rng.integers(1, 4, 2))
    ys, xs = np.nonzero(labels[:, 1:] != labels[:, :-1])
    for place in rng.permutation(len(ys))[:_TRIES]:
        left, top = int(xs[place]) + 1 - width // 2 - width % 2, int(ys[place])
        window = _around(labels, left, top, width, height)
        beside = set() if window is None else set(np.unique(window).tolist())
        chosen = _another(known, beside, rng)
        if window is None or len(beside) != 2 or chosen is None or width < 2:
            width = max(width, 2)
            continue
        box = (left, top, width, height)
        labels[_window(box)] = chosen
        return box
    return None


def hole(labels: np.ndarray, known: Known, rng: np.random.Generator) -> Box | None:
    """One to nine pixels of a class inside another one."""
    height, width = (int(one) for one in rng.integers(1, 4, 2))
    for _ in range(_TRIES):
        left, top = _corner(labels, width, height, rng)
        window = _around(labels, left, top, width, height)
        if window is None or len(np.unique(window)) > 1 or window[0, 0] not in known.classes:
            continue
        chosen = _another(known, {int(window[0, 0])}, rng)
        if chosen is not None:
            box = (left, top, width, height)
            labels[_window(box)] = chosen
            return box
    return None


def sliver(labels: np.ndarray, known: Known, rng: np.random.Generator) -> Box | None:
    """A strip of a class, one or two pixels wide and 20 to 40 long, along an edge between two others."""
    return _strip(labels, known, rng, None)


def gap(labels: np.ndarray, known: Known, rng: np.random.Generator) -> Box | None:
    """An unlabelled strip, one or two pixels wide and 20 to 40 long, between two objects."""
    return _strip(labels, known, rng, known.unlabelled)


def frame(labels: np.ndarray, known: Known, rng: np.random.Generator) -> Box | None:
    """One to three outermost rows or columns of a class on a side where that class is not what is next to them."""
    thick = int(rng.integers(1, 4))
    side = int(rng.integers(0, 4))
    turned = np.rot90(labels, side)
    beside = set(np.unique(turned[: thick + 2]).tolist())
    chosen = _another(known, beside - {known.unlabelled}, rng)
    if chosen is None or chosen in beside:
        return None
    turned[:thick] = chosen
    height, width = labels.shape
    return [
        (0, 0, width, thick),
        (width - thick, 0, thick, height),
        (0, height - thick, width, thick),
        (0, 0, thick, height),
    ][side]


def rare_class(labels: np.ndarray, known: Known, rng: np.random.Generator) -> Box | None:
    """A disk of a class that no other mask has."""
    return _disk(labels, known.rare, rng)


def unknown_value(labels: np.ndarray, known: Known, rng: np.random.Generator) -> Box | None:
    """A disk of a value outside the class table."""
    return _disk(labels, known.stranger, rng)


def outlier(labels: np.ndarray, known: Known, rng: np.random.Generator, how: str) -> Box | None:
    """A component in another place, of another size or shape: mirrored top to bottom, enlarged, or stretched.

    Args:
        labels: as of all plants, like the next two
        known: what is drawn from
        rng: what draws
        how: ``place``, ``size`` or ``shape``
    """
    height, width = labels.shape
    for chosen in rng.permutation(list(known.classes)):
        n, numbers, stats, _ = cv2.connectedComponentsWithStats((labels == chosen).astype(np.uint8))
        large = [one for one in range(1, n) if stats[one, cv2.CC_STAT_AREA] >= 100]
        if not large:
            continue
        own = part = numbers == large[int(rng.integers(len(large)))]
        if how == "place":
            part = part[::-1]
        else:
            ys, xs = np.nonzero(part)
            cut = part[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1].astype(np.uint8)
            size = (int(0.8 * width), int(0.7 * height)) if how == "size" else (int(0.8 * width), max(5, height // 60))
            cut = cv2.resize(cut, size, interpolation=cv2.INTER_NEAREST)
            part = np.zeros(labels.shape, bool)
            left, top = (width - size[0]) // 2, (height - size[1]) // 2
            part[top : top + size[1], left : left + size[0]] = cut > 0
        # It may lie on itself, and on no other of its class
        if (labels[part & ~own] == chosen).any() or (how == "place" and (part & own).any()):
            continue
        labels[part] = chosen
        return _box_of(part)
    return None


#: Kind, and what is unusual, to what plants it in a mask
PLANTS: dict[str, Callable[[np.ndarray, Known, np.random.Generator], Box | None]] = {
    STRAY: stray,
    HOLE: hole,
    SLIVER: sliver,
    GAP: gap,
    FRAME: frame,
    RARE_CLASS: rare_class,
    UNKNOWN_VALUE: unknown_value,
    **{f"{OUTLIER}, {how}": partial(outlier, how=how) for how in ("place", "size", "shape")},
}


def _strip(labels: np.ndarray, known: Known, rng: np.random.Generator, given: int | None) -> Box | None:
    thick, length = int(rng.integers(1, 3)), int(rng.integers(20, 41))
    turned = labels.T if rng.random() < 0.5 else labels
    ys, xs = np.nonzero(turned[1:] != turned[:-1])
    for place in rng.permutation(len(ys))[:_TRIES]:
        path = _edge(turned, int(xs[place]), int(ys[place]), length, thick)
        if path is None:
            continue
        pair = {int(turned[path[0][1], path[0][0]]), int(turned[path[0][1] + thick, path[0][0]])}
        chosen = given if given is not None else _another(known, pair, rng)
        near = turned[
            max(0, min(y for _, y in path) - _ROOM) : max(y for _, y in path) + _ROOM + thick,
            max(0, path[0][0] - _ROOM) : path[-1][0] + _ROOM,
        ]
        if chosen is None or not pair <= set(known.classes) or (near == chosen).any():
            continue
        marked = np.zeros(turned.shape, bool)
        for x, y in path:
            marked[y : y + thick, x] = True
        turned[marked] = chosen
        return _box_of(marked.T if turned is not labels else marked)
    return None


def _edge(labels: np.ndarray, x: int, y: int, length: int, thick: int) -> list[tuple[int, int]] | None:
    """An edge between the same two classes from column to column, that goes up or down by at most a pixel each."""
    above, below = labels[y, x], labels[y + 1, x]
    path = []
    for column in range(x, x + length):
        if column >= labels.shape[1]:
            return None
        rows = [
            row
            for row in (y, y - 1, y + 1)
            if 1 <= row < labels.shape[0] - thick - 1
            and labels[row, column] == above
            and (labels[row + 1 : row + thick + 1, column] == below).all()
        ]
        if not rows:
            return None
        y = rows[0]
        path.append((column, y + 1 - thick // 2))
    return path


def _disk(labels: np.ndarray, value: int, rng: np.random.Generator) -> Box | None:
    radius = int(rng.integers(4, 10))
    left, top = _corner(labels, 2 * radius + 1, 2 * radius + 1, rng)
    if left < 0:
        return None
    disk = np.hypot(*np.mgrid[-radius : radius + 1, -radius : radius + 1]) <= radius
    box = (left, top, 2 * radius + 1, 2 * radius + 1)
    labels[_window(box)][disk] = value
    return box


def _corner(labels: np.ndarray, width: int, height: int, rng: np.random.Generator) -> tuple[int, int]:
    """A corner of a box that lies in the mask; negative where none does."""
    room = labels.shape[1] - width - 2 * _ROOM, labels.shape[0] - height - 2 * _ROOM
    if min(room) < 1:
        return -1, -1
    return int(rng.integers(room[0])) + _ROOM, int(rng.integers(room[1])) + _ROOM


def _around(labels: np.ndarray, left: int, top: int, width: int, height: int) -> np.ndarray | None:
    """A box and some pixels around it; None where these are not in the mask."""
    if min(left, top) < _ROOM or top + height + _ROOM > labels.shape[0] or left + width + _ROOM > labels.shape[1]:
        return None
    return labels[top - _ROOM : top + height + _ROOM, left - _ROOM : left + width + _ROOM]


def _another(known: Known, beside: set[int], rng: np.random.Generator) -> int | None:
    """A class that is not among these, which are all classes that objects have."""
    if not beside <= set(known.classes):
        return None
    others = [one for one in known.classes if one not in beside]
    return int(rng.choice(others)) if others else None


def _window(box: Box) -> tuple[slice, slice]:
    left, top, width, height = box
    return slice(top, top + height), slice(left, left + width)


def _box_of(marked: np.ndarray) -> Box:
    ys, xs = np.nonzero(marked)
    return int(xs.min()), int(ys.min()), int(xs.max() - xs.min()) + 1, int(ys.max() - ys.min()) + 1
