"""The size, place and shape of all connected components of a mask, and what each touches, in two passes over it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .compiled import kernel
from .components import find_components


@dataclass(frozen=True)
class ComponentShapes:
    """n 8-connected components, in the order of their first pixels by rows, as columns.

    Args:
        numbers: (H, W) int32, the component that each pixel is in, from 0 on
        label: (n,) int32, its label
        area: (n,) int64 pixels
        box: (n, 4) int32 left, top, width and height in pixels, as small as can be
        centre: (n, 2) float64, mean column and row of its pixels, in pixels from the middle of the first
        axes: (n, 2) float64, variance of its pixels along its longer and its shorter axis, in pixels squared; a pixel
            is a square, so that a line of one pixel's width has 1/12 across
        outline: (n,) int32, pixel edges between it and other components or the outside
        core: (n,) int32, pixels in the middle of 3 × 3 pixels that are all its own; 0 where it is thin
    """

    numbers: np.ndarray
    label: np.ndarray
    area: np.ndarray
    box: np.ndarray
    centre: np.ndarray
    axes: np.ndarray
    outline: np.ndarray
    core: np.ndarray


def measure_components(labels: np.ndarray) -> ComponentShapes:
    """Finds and measures the components of every label.

    Args:
        labels: (H, W) integers of at least 0
    """
    labels = np.ascontiguousarray(labels, np.int32)
    first = np.empty(labels.size, np.int32)
    find_components(labels, first)
    numbers = np.empty(labels.shape, np.int32)
    n = _number(first, numbers)
    label, area, outline, core = (
        np.zeros(n, np.int32),
        np.zeros(n, np.int64),
        np.zeros(n, np.int32),
        np.zeros(n, np.int32),
    )
    box, sums = np.empty((n, 4), np.int32), np.zeros((n, 5))
    _measure(numbers, labels, label, area, box, sums, outline, core)
    centre, axes = _moments(area, box, sums)
    return ComponentShapes(numbers, label, area, box, centre, axes, outline, core)


def contacts(numbers: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Counts the pixel edges that components share with each other component, or with the outside.

    Args:
        numbers: (H, W) int32, the component that each pixel is in, from 0 to n - 1
        wanted: (n,) bool, whose contacts are counted

    Returns:
        (m, 3) int64: component, other component (-1 for the outside of the mask), edges that both share; by component
    """
    pairs = np.empty((_count_edges(numbers, wanted), 2), np.int32)
    _list_edges(numbers, wanted, pairs)
    n = len(wanted) + 1
    codes, edges = np.unique(pairs[:, 0].astype(np.int64) * n + pairs[:, 1] + 1, return_counts=True)
    return np.stack([codes // n, codes % n - 1, edges], axis=1)


def _moments(area: np.ndarray, box: np.ndarray, sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Centres and the variances along the axes, of sums that were taken from each box's corner."""
    x, y, xx, yy, xy = (sums / np.maximum(area, 1)[:, None]).T
    vx, vy, covariance = xx - x * x + 1 / 12, yy - y * y + 1 / 12, xy - x * y
    middle, spread = (vx + vy) / 2, np.hypot((vx - vy) / 2, covariance)
    centre = np.stack([box[:, 0] + x, box[:, 1] + y], axis=1)
    return centre, np.stack([middle + spread, np.maximum(middle - spread, 1 / 12)], axis=1)


@kernel()
def _number(first: np.ndarray, numbers: np.ndarray) -> int:
    """Numbers the components by their first pixels, and returns how many there are."""
    flat, n = numbers.reshape(-1), np.int32(0)
    for pixel in range(first.size):
        if first[pixel] == pixel:
            flat[pixel] = n
            n += np.int32(1)
        else:
            flat[pixel] = flat[first[pixel]]
    return n


@kernel()
def _measure(
    numbers: np.ndarray,
    labels: np.ndarray,
    label: np.ndarray,
    area: np.ndarray,
    box: np.ndarray,
    sums: np.ndarray,
    outline: np.ndarray,
    core: np.ndarray,
) -> None:
    """Fills the columns; ``box`` with its corners' pixels first, ``sums`` with those of x, y, xx, yy and xy from it."""
    height, width = numbers.shape
    for y in range(height):
        for x in range(width):
            one = numbers[y, x]
            if area[one] == 0:
                label[one] = labels[y, x]
                box[one, 0], box[one, 1], box[one, 2], box[one, 3] = x, y, x, y
            area[one] += 1
            box[one, 0], box[one, 2] = min(box[one, 0], x), max(box[one, 2], x)
            box[one, 3] = y
            left, right = x > 0 and numbers[y, x - 1] == one, x + 1 < width and numbers[y, x + 1] == one
            above, below = y > 0 and numbers[y - 1, x] == one, y + 1 < height and numbers[y + 1, x] == one
            outline[one] += np.int32(not left) + np.int32(not right) + np.int32(not above) + np.int32(not below)
            if left and right and above and below:
                upper = numbers[y - 1, x - 1] == one and numbers[y - 1, x + 1] == one
                lower = numbers[y + 1, x - 1] == one and numbers[y + 1, x + 1] == one
                core[one] += np.int32(upper and lower)
    for y in range(height):
        for x in range(width):
            one = numbers[y, x]
            dx, dy = float(x - box[one, 0]), float(y - box[one, 1])
            sums[one, 0] += dx
            sums[one, 1] += dy
            sums[one, 2] += dx * dx
            sums[one, 3] += dy * dy
            sums[one, 4] += dx * dy
    for one in range(len(box)):
        box[one, 2] += 1 - box[one, 0]
        box[one, 3] += 1 - box[one, 1]


@kernel()
def _count_edges(numbers: np.ndarray, wanted: np.ndarray) -> int:
    """How many pixel edges the wanted components have."""
    height, width = numbers.shape
    found = 0
    for y in range(height):
        for x in range(width):
            one = numbers[y, x]
            if wanted[one]:
                found += y == 0 or numbers[y - 1, x] != one
                found += y + 1 == height or numbers[y + 1, x] != one
                found += x == 0 or numbers[y, x - 1] != one
                found += x + 1 == width or numbers[y, x + 1] != one
    return found


@kernel()
def _list_edges(numbers: np.ndarray, wanted: np.ndarray, pairs: np.ndarray) -> None:
    """Fills ``pairs`` (m, 2) int32 with the component on either side of each such edge, -1 for the outside."""
    height, width = numbers.shape
    place = 0
    for y in range(height):
        for x in range(width):
            one = numbers[y, x]
            if not wanted[one]:
                continue
            for side in range(4):
                row, column = y + (side == 1) - (side == 0), x + (side == 3) - (side == 2)
                outside = row < 0 or row == height or column < 0 or column == width
                other = np.int32(-1) if outside else numbers[row, column]
                if other != one:
                    pairs[place, 0], pairs[place, 1] = one, other
                    place += 1
