"""Masks of suspects in the pixels of their image, as a run has found them or as a person has drawn them.

A run writes each mask to a file, pixel by pixel of the region's box. Where a person edits it in the App, the mask goes
into the database as large as it was on the screen, and the box no longer begins and ends with a pixel. Of an image
that is larger than the screen such a mask is coarse: there only what was changed by more than a pixel of the screen is
taken from it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from ..base.errors import SampleError
from ..labels.images import read_mask


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


def place_region(region: Mapping[str, Any], size: Sequence[int], sample_id: str) -> Place:
    """The pixels of a region.

    Args:
        region: its ``bounding_box`` (left, top, width, height in [0, 1]), and its ``mask``, an array, or its
            ``mask_path``; as in FiftyOne, the array comes first
        size: (height, width) of the image in pixels
        sample_id: named in errors

    Raises:
        SampleError: it has neither a mask nor a file, or the file cannot be read
    """
    mask = region.get("mask")
    if mask is None and not region.get("mask_path"):
        raise SampleError(
            f"One of its suspects, '{region.get('label')}', has no mask. Draw it in the App, or reject or delete it.",
            sample_id=sample_id,
        )
    mask = np.asarray(read_mask(region["mask_path"], sample_id) if mask is None else mask)
    mask = mask[..., 0] if mask.ndim == 3 else mask
    left, top, width, height = region["bounding_box"]
    rows, from_rows = _resampled(top, height, mask.shape[0], size[0])
    columns, from_columns = _resampled(left, width, mask.shape[1], size[1])
    scale = max(height * size[0] / mask.shape[0], width * size[1] / mask.shape[1])
    return Place(rows, columns, mask[from_rows][:, from_columns] > 0, scale)


def redrawn(drawn: Place, found: Place, size: Sequence[int]) -> np.ndarray:
    """A region that was found and then edited on the screen.

    Args:
        drawn: after the edit
        found: before, pixel by pixel
        size: (height, width) of the image in pixels

    Returns:
        (H, W) bool; where the two differ by no more than a pixel of the screen, it is as it was found
    """
    after = drawn.whole(size)
    if drawn.scale <= 1.0:
        return after
    before = found.whole(size)
    differ = (after != before).astype(np.uint8)
    side = math.ceil(drawn.scale) + 1
    kernel = np.ones((side, side), np.uint8)
    changed = cv2.dilate(cv2.morphologyEx(differ, cv2.MORPH_OPEN, kernel), kernel) & differ
    return np.where(changed > 0, after, before)


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
    first = max(0, math.ceil(start * pixels - 0.5))
    end = max(first, min(pixels, math.ceil((start + length) * pixels - 0.5)))
    centres = (np.arange(first, end) + 0.5) / pixels
    return slice(first, end), ((centres - start) / length * cells).astype(np.int64).clip(0, cells - 1)
