"""Suspect regions: where a mask is probably wrong, what it should be there, and what kind of mistake it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from skimage.measure import label as connected_components

from .config import SuspectConfig
from .evidence import Usual
from .pooling import pool_probabilities

DROP, SWAP, SHIFT, OTHER = KINDS = ("drop", "swap", "shift", "other")
#: An image's kind of error where it has no suspect region
NO_ERROR = "none"
#: Least probability that takes part in a logarithm: one block alone cannot outweigh a region
_CLIP = 1e-4


@dataclass(frozen=True)
class Region:
    """One suspect region of an image. The regions of an image are disjoint.

    Args:
        given: class index that the mask gives to all its pixels
        suggested: class index that they should have: the one with the largest summed gain in log-likelihood
        kind: one of `KINDS`
        evidence: log-likelihood that the predictions gain when the region becomes the suggested class, in nats
        area: number of its pixels
        confidence: mean probability of the suggested class over it, in [0, 1]
        box: (left, top, width, height) in pixels, as small as can be
        mask: (height, width) bool, the region inside its box
    """

    given: int
    suggested: int
    kind: str
    evidence: float
    area: int
    confidence: float
    box: tuple[int, int, int, int]
    mask: np.ndarray


def find_regions(
    probabilities: np.ndarray,
    labels: np.ndarray,
    given: np.ndarray,
    config: SuspectConfig,
    usual: Usual | None,
    unlabelled: int | None,
    factor: int,
) -> list[Region]:
    """Finds the suspect regions of one image.

    Args:
        probabilities: (K, h, w) float32, mean over blocks of ``factor`` × ``factor`` pixels
        labels: (h, w) int16 given class of each block, negative where ignored
        given: (H, W) int16 given class of each pixel, negative where ignored
        config: how much evidence and area a suspect needs
        usual: what is usual for each pair of classes in the dataset, or None
        unlabelled: index of the unlabelled class; None where there is none, and then no region is a drop
        factor: side of a block in pixels

    Returns:
        The regions, those of the most evidence first.
    """
    prediction = probabilities.argmax(axis=0)
    clipped = np.log(np.maximum(probabilities, _CLIP))
    own = np.take_along_axis(clipped, np.maximum(labels, 0)[None].astype(np.int64), axis=0)[0]
    gain = clipped.max(axis=0) - own
    differs = (labels >= 0) & (prediction != labels)
    pairs = np.where(differs, labels.astype(np.int32) * len(probabilities) + prediction + 1, 0)
    blocks = connected_components(pairs, background=0, connectivity=2)
    objects = connected_components(labels.astype(np.int32) + 1, background=0, connectivity=2)
    object_sizes = np.bincount(objects.ravel())
    regions = []
    for number, window in enumerate(ndimage.find_objects(blocks), start=1):
        inside = blocks[window] == number
        suggested = int(prediction[window][inside][0])
        old = int(labels[window][inside][0])
        kind = _kind(inside, objects[window], object_sizes, old == unlabelled)
        top, left = window[0].start * factor, window[1].start * factor
        bottom, right = window[0].stop * factor, window[1].stop * factor
        pixels = given[top:bottom, left:right]
        spread = inside.repeat(factor, 0).repeat(factor, 1)[: pixels.shape[0], : pixels.shape[1]]
        mask = spread & (pixels == old)
        counts = pool_probabilities(mask[None].astype(np.float32), factor)[0]
        weights = _count_pixels(mask, counts, factor)
        area = int(mask.sum())
        evidence = float((weights * gain[window]).sum())
        if area < max(1, config.min_area * given.size) or evidence < config.min_evidence * given.size:
            continue
        confidence = float((weights * probabilities[suggested][window]).sum() / area)
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        tight = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        box = int(left + columns[0]), int(top + rows[0]), tight.shape[1], tight.shape[0]
        regions.append(Region(old, suggested, kind, evidence, area, min(confidence, 1.0), box, tight.copy()))
    regions.sort(key=lambda region: -region.evidence)
    return regions[: config.max_regions]


def image_kind(regions: Sequence[Region]) -> str:
    """The kind of error that an image most probably has: the one whose regions have the most evidence together."""
    if not regions:
        return NO_ERROR
    totals = {kind: sum(region.evidence for region in regions if region.kind == kind) for kind in KINDS}
    return max(totals, key=lambda kind: totals[kind])


def _kind(inside: np.ndarray, objects: np.ndarray, object_sizes: np.ndarray, from_unlabelled: bool) -> str:
    number = objects[inside][0]
    thickness = ndimage.distance_transform_cdt(np.pad(inside, 1), "chessboard").max()
    is_band = thickness * 4 < np.sqrt(inside.sum())
    if from_unlabelled:
        return SHIFT if is_band else DROP
    if 2 * inside.sum() > object_sizes[number]:
        return SWAP
    return SHIFT if is_band else OTHER


def _count_pixels(mask: np.ndarray, shares: np.ndarray, factor: int) -> np.ndarray:
    rows = np.minimum(factor, mask.shape[0] - factor * np.arange(shares.shape[0]))
    columns = np.minimum(factor, mask.shape[1] - factor * np.arange(shares.shape[1]))
    return np.rint(shares * rows[:, None] * columns[None, :])
