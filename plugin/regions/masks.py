"""Masks of suspects in the pixels of their image, as a run has found them or as a person has drawn them.

A run writes each mask to a file, pixel by pixel of the region's box. Where a person edits it in the App, the mask goes
into the database as large as it was on the screen, and the box no longer begins and ends with a pixel. Of an image
that is larger than the screen such a mask is coarse: there only what was changed by more than a pixel of the screen is
taken from it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np

from ..base.errors import SampleError
from ..labels.images import read_mask
from ..labels.places import Place, place_mask


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
    return place_mask(mask, region["bounding_box"], size)


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
