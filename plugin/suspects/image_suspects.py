"""The suspects of an image, as columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class ImageSuspects:
    """The suspects of one image, n of them, in any order.

    Args:
        sample_id: the sample
        size: (height, width) of its mask in pixels
        given: (n,) class indices
        suggested: (n,) class indices
        kind: n of ``drop``, ``swap``, ``shift`` and ``other``
        evidence: (n,) nats
        area: (n,) pixels
        confidence: (n,) mean probability of the suggested class, in [0, 1]
        box: (n, 4) left, top, width and height in pixels
        masks: n paths of images with the region inside its box, 0 or 255
        probability: (n,) that the mask is wrong there, in [0, 1]; None where suspects are not rated
    """

    sample_id: str
    size: tuple[int, int]
    given: np.ndarray
    suggested: np.ndarray
    kind: Sequence[str]
    evidence: np.ndarray
    area: np.ndarray
    confidence: np.ndarray
    box: np.ndarray
    masks: Sequence[str]
    probability: np.ndarray | None = None
