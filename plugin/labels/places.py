"""Where something is in its image: a mask that belongs to a box, and polygons, in pixels.

A pixel belongs to what covers its centre. So neither masks nor polygons grow, as they do where outlines are painted too
(OpenCV's ``fillPoly`` and Pillow's ``polygon`` are half a pixel too large on every side).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Place:
    """Where a region is in its image.

    Args:
        rows: of the image
        columns: of the image
        inside: (rows, columns) bool, the region
        scale: pixels of the image that a pixel of the mask covers, along the axis where they are more
    """

    rows: slice
    columns: slice
    inside: np.ndarray
    scale: float = 1.0

    def whole(self, size: Sequence[int]) -> np.ndarray:
        """The region in its image of (height, width): (H, W) bool."""
        mask = np.zeros(tuple(size), bool)
        mask[self.rows, self.columns] = self.inside
        return mask

    @property
    def area(self) -> int:
        """Pixels of the region."""
        return int(np.count_nonzero(self.inside))


def place_mask(mask: np.ndarray, box: Sequence[float], size: Sequence[int]) -> Place:
    """The pixels of a mask that fills a box; what is outside the image is cut off.

    Args:
        mask: (h, w) or (h, w, C), of which the first channel counts; not empty; inside where it is above 0
        box: left, top, width, height, as shares of the image
        size: (height, width) of the image in pixels
    """
    mask = mask[..., 0] if mask.ndim == 3 else mask
    left, top, width, height = box
    rows, from_rows = _resampled(top, height, mask.shape[0], size[0])
    columns, from_columns = _resampled(left, width, mask.shape[1], size[1])
    scale = max(height * size[0] / mask.shape[0], width * size[1] / mask.shape[1])
    return Place(rows, columns, mask[from_rows][:, from_columns] > 0, scale)


def place_polygons(shapes: Sequence[Sequence[Sequence[float]]], size: Sequence[int]) -> Place:
    """The pixels of polygons together; what is outside the image is cut off.

    A pixel is inside where a line from its centre to the left crosses the outlines an odd number of times, as FiftyOne
    fills them: a shape within another one is a hole.

    Args:
        shapes: closed outlines, each a list of (x, y) as shares of the image's width and height; one of fewer than
            three points has no pixels
        size: (height, width) of the image in pixels
    """
    height, width = size
    start, end = _edges(shapes, np.array([width, height], float))
    rows, columns = _crossings(start, end, height)
    columns = columns.clip(0, width)
    if not rows.size:
        return Place(slice(0, 0), slice(0, 0), np.zeros((0, 0), bool))
    top, left = int(rows.min()), int(columns.min())
    grid = (int(rows.max()) - top + 1, int(columns.max()) - left + 1)
    places = (rows - top) * grid[1] + (columns - left)
    crossed = np.bincount(places, minlength=grid[0] * grid[1]).reshape(grid).cumsum(axis=1)
    inside = (crossed[:, :-1] & 1).astype(bool)
    return Place(slice(top, top + grid[0]), slice(left, left + inside.shape[1]), inside)


def _edges(shapes: Sequence[Sequence[Sequence[float]]], scale: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the edges of all shapes begin and end: (n, 2) each, x and y in pixels."""
    corners = [np.asarray(shape, float).reshape(-1, 2) * scale for shape in shapes]
    nothing = np.zeros((0, 2))
    return (
        np.concatenate([nothing, *corners]),
        np.concatenate([nothing, *(np.roll(shape, -1, axis=0) for shape in corners)]),
    )


def _crossings(start: np.ndarray, end: np.ndarray, height: int) -> tuple[np.ndarray, np.ndarray]:
    """Where edges cross the rows' centre lines: (n,) rows, and the first column whose centre is not left of there."""
    # From top to bottom, whichever way they are drawn: neighbours have the same pixels along a common edge
    downward = (start[:, 1] < end[:, 1])[:, None]
    top, bottom = np.where(downward, start, end), np.where(downward, end, start)
    # A row's line is crossed by an edge that begins on it or above, and ends below: corners count once
    first, stop = (np.ceil(corner[:, 1] - 0.5).clip(0, height).astype(np.int64) for corner in (top, bottom))
    times = stop - first
    edge = np.repeat(np.arange(times.size), times)
    rows = np.arange(times.sum()) - np.repeat(times.cumsum() - times, times) + first[edge]
    (x0, y0), (x1, y1) = top[edge].T, bottom[edge].T
    x = x0 + (rows + 0.5 - y0) * (x1 - x0) / (y1 - y0)
    return rows, np.ceil(x - 0.5).astype(np.int64)


def _resampled(start: float, length: float, cells: int, pixels: int) -> tuple[slice, np.ndarray]:
    """The pixels of an axis whose centre is between two shares of it, and which cell of a mask each falls in.

    Args:
        start: in [0, 1]
        length: in [0, 1]
        cells: of the mask, from start to start + length
        pixels: of the whole axis

    Returns:
        the pixels, n of them, and (n,) int64 cells
    """
    first = min(max(0, math.ceil(start * pixels - 0.5)), pixels)
    end = max(first, min(pixels, math.ceil((start + length) * pixels - 0.5)))
    centres = (np.arange(first, end) + 0.5) / pixels
    return slice(first, end), ((centres - start) / length * cells).astype(np.int64).clip(0, cells - 1)
