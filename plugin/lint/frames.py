"""Frames: outermost rows or columns of a mask that are of one class, and unlike what is next to them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: Share of a row that is of its class, where the row belongs to a frame
_CONSTANT = 0.98
#: Share of the pixels next to a frame that are of another class. Of neighbouring rows of a drawn mask a few in a
#: hundred are, where an edge happens to run along the border some ten
_CHANGED = 0.5
SIDES = ("top", "bottom", "left", "right")


@dataclass(frozen=True)
class Band:
    """A frame on one side.

    Args:
        side: of `SIDES`
        width: rows or columns
        label: what it is of
        changed: share of the pixels next to it that are not of it, in [0, 1]
    """

    side: str
    width: int
    label: int
    changed: float

    def window(self, size: tuple[int, int]) -> tuple[slice, slice]:
        """Its rows and columns in a mask of this (height, width)."""
        height, width = size
        return {
            "top": (slice(0, self.width), slice(None)),
            "bottom": (slice(height - self.width, height), slice(None)),
            "left": (slice(None), slice(0, self.width)),
            "right": (slice(None), slice(width - self.width, width)),
        }[self.side]


def find_bands(labels: np.ndarray, widest: int) -> list[Band]:
    """Finds the frame of a mask, side by side.

    A row belongs to a frame's side where all but 2 % of it is of one class; the side ends where at least half of the
    next row is of another one. Masks of fewer than four times ``widest`` rows or columns have no frame.

    Args:
        labels: (H, W) integers
        widest: most rows or columns of a frame
    """
    if min(labels.shape) < 4 * widest:
        return []
    seen = (labels, labels[::-1], labels.T, labels.T[::-1])
    bands = [_band(side, rows, widest) for side, rows in zip(SIDES, seen, strict=True)]
    return [one for one in bands if one is not None]


def _band(side: str, rows: np.ndarray, widest: int) -> Band | None:
    # Without the ends, which frames of the sides next to this one cover
    inner = rows[: widest + 1, widest:-widest]
    values, counts = np.unique(inner[0], return_counts=True)
    label = values[counts.argmax()]
    own = (inner == label).mean(axis=1)
    width = int(np.argmin(np.append(own >= _CONSTANT, False)))
    if not 0 < width <= widest or 1 - own[width] < _CHANGED:
        return None
    return Band(side, width, int(label), float(1 - own[width]))
