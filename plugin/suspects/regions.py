"""Suspects: where a mask is probably wrong, what it should be there, and what kind of mistake it is.

A region is an 8-connected set of blocks that are given one class g and seen as one other, c. Its evidence is that of
`evidence`: a pixel speaks for the suggestion by the log-likelihood it gains, log p[c] - log p[g], times the margin
p[c] - p[g], which makes it the gain that the predictions expect, as they hold the suggestion right with p[c] and wrong
with p[g]. Some confusions (kerb and road) are in every image, so a region's evidence counts by s / (s + u), with s
that of all regions of its pair in the image and u what is usual for the pair: in full where it is never confused, by
half where this image says as much as images usually do.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ..pixels.pooling import spread
from ..scores.class_pair_evidence import Usual
from .config import SuspectConfig
from .region_shapes import Shapes, some_block, sum_together
from .seen_image import SeenImage

DROP, SWAP, SHIFT, OTHER = KINDS = ("drop", "swap", "shift", "other")
#: An image's kind of error where it has no suspect
NO_ERROR = "none"
#: An object is misnamed where most of it is seen as one other class
_MOST = 0.5
#: A band is at least twice as long as wide
_BAND_LENGTH = 2.0
#: A displaced edge has the suggested class along one of its two long sides, half of its outline. A tenth is enough, as
#: bands come in fragments; a fifth where a whole object is contradicted, which may well lie beside one of that class
_CONTACT, _CONTACT_OF_OBJECT = 0.1, 0.2
#: The edge of what is labelled of an object is displaced where a band lacks that is narrow beside the edge's length and
#: the object's width, both at least three times its own; what is wider, or surrounded, is a part left out.
#: ``python -m benchmarks error-types`` has other values
NARROW = 3.0
#: One mistake may be in several places, such as all cells of a kind: each has at least this part of the least evidence
_PART = 0.2


@dataclass(frozen=True)
class Region:
    """One suspect of an image. The regions of an image are disjoint.

    Args:
        given: class index that the mask gives to all its pixels
        suggested: class index that they should have: of all classes the one that gains most log-likelihood there
        kind: one of `KINDS`
        evidence: for the suggestion, summed over its pixels, beyond what is usual; in nats
        area: number of its pixels
        confidence: mean probability of the suggested class over it, in [0, 1]
        box: (left, top, width, height) in pixels, as small as can be
        mask: (height, width) bool, the region inside its box
        number: of its region of blocks, see `SeenImage.numbers`
        probability: that the mask is wrong there; None where it was not rated
    """

    given: int
    suggested: int
    kind: str
    evidence: float
    area: int
    confidence: float
    box: tuple[int, int, int, int]
    mask: np.ndarray
    number: int = 0
    probability: float | None = None


def find_regions(
    image: SeenImage, given: np.ndarray, config: SuspectConfig, usual: Usual | None, unlabelled: int | None
) -> list[Region]:
    """Finds the suspects of one image.

    Args:
        image: what is given and seen in it
        given: (H, W) int16 given class of each pixel, negative where ignored
        config: how much evidence and area a suspect needs
        usual: what is usual for each pair of classes in the dataset; without it all evidence counts in full
        unlabelled: index of the unlabelled class; None where there is none, and then no region is a drop

    Returns:
        The regions, those of the most evidence first.
    """
    numbers, gain, factor, classes = image.numbers, image.gain, image.factor, image.classes
    sums, places, windows = _sums(numbers, gain), some_block(numbers), ndimage.find_objects(numbers)
    olds, news = image.labels.ravel()[places].astype(np.int64), image.seen.ravel()[places].astype(np.int64)
    strength = sum_together(olds * classes + news, sums) / max(1, int((image.labels >= 0).sum()))
    shapes = image.shapes
    regions, pixels = [], int(np.count_nonzero(given >= 0))
    for index in _candidates(shapes, sums, config, pixels, factor):
        old, new, window = int(olds[index]), int(news[index]), windows[index]
        mask, corner = _pixels(numbers[window] == index + 1, window, given, old, factor)
        weights, area = _count_pixels(mask, factor), int(mask.sum())
        evidence = float((weights * gain[window]).sum()) * _unusual_share(float(strength[index]), usual, old, new)
        if area < config.min_area * pixels or evidence < _PART * config.min_evidence * pixels:
            continue
        confidence = min(1.0, float((weights * image.probabilities[new][window]).sum()) / area)
        kind = region_kind(shapes, index, old == unlabelled)
        box, cropped = _cropped(mask, corner)
        regions.append(Region(old, new, kind, evidence, area, confidence, box, cropped, index + 1))
    return _strongest(regions, config, pixels)


def leading_kind(
    kinds: Sequence[str],
    evidence: Sequence[float] | np.ndarray,
    probability: Sequence[float] | np.ndarray | None = None,
) -> str:
    """The kind of the most probable region; where they are not rated, the kind with the most evidence together.

    A displaced edge is seen as many fragments, so that the region of the most evidence alone would say little.

    Args:
        kinds: of an image's n regions
        evidence: (n,) nats
        probability: (n,) in [0, 1], or None

    Returns:
        One of `KINDS`; `NO_ERROR` where n is 0. Of equally probable regions that of the most evidence says it, of kinds
        with equal evidence the first in `KINDS`.
    """
    if not len(kinds):
        return NO_ERROR
    if probability is not None:
        return kinds[int(np.lexsort((np.asarray(evidence), np.asarray(probability)))[-1])]
    totals = dict.fromkeys(KINDS, 0.0)
    for kind, nats in zip(kinds, evidence, strict=True):
        totals[kind] += float(nats)
    return max(totals, key=lambda kind: (kind in kinds, totals[kind]))


def region_kind(shapes: Shapes, index: int, from_unlabelled: bool) -> str:
    """What kind of mistake a region is.

    Args:
        shapes: of all regions of an image
        index: of the region
        from_unlabelled: whether its pixels are given as unlabelled

    Returns:
        one of `KINDS`
    """
    width = 2 * shapes.half_width[index]
    if from_unlabelled:
        least = min(shapes.edge[index], 2 * shapes.object_half_width[index])
        return SHIFT if least >= NARROW * width else DROP
    whole = shapes.share[index] >= _MOST
    touches = shapes.contact[index] >= (_CONTACT_OF_OBJECT if whole else _CONTACT)
    is_band = shapes.blocks[index] >= _BAND_LENGTH * width**2
    if touches and (is_band or not whole):
        return SHIFT
    return SWAP if whole else OTHER


def _sums(numbers: np.ndarray, values: np.ndarray) -> np.ndarray:
    """(n,) float64, the sum over each region."""
    return np.bincount(numbers.ravel(), values.ravel(), int(numbers.max(initial=0)) + 1)[1:]


def _candidates(shapes: Shapes, gain: np.ndarray, config: SuspectConfig, pixels: int, factor: int) -> Iterator[int]:
    """The regions that are suspects if all pixels of their blocks are given the class and nothing is usual."""
    large = factor**2 * shapes.blocks >= config.min_area * pixels
    # A hair less, as this sum and the region's are rounded differently
    strong = factor**2 * gain >= _PART * config.min_evidence * pixels * (1 - 1e-9)
    yield from np.flatnonzero(large & strong).tolist()


def _strongest(regions: Sequence[Region], config: SuspectConfig, pixels: int) -> list[Region]:
    """The regions whose pair of classes has enough evidence, those of the most evidence first."""
    together: defaultdict[tuple[int, int], float] = defaultdict(float)
    for region in regions:
        together[region.given, region.suggested] += region.evidence
    enough = config.min_evidence * pixels
    kept = [region for region in regions if together[region.given, region.suggested] >= enough]
    return sorted(kept, key=lambda region: -region.evidence)[: config.max_regions]


def _pixels(
    blocks: np.ndarray, window: tuple[slice, slice], given: np.ndarray, old: int, factor: int
) -> tuple[np.ndarray, tuple[int, int]]:
    """The pixels in a window's blocks that are given the class, and the (top, left) of the window in pixels."""
    top, left = (part.start * factor for part in window)
    pixels = given[top : window[0].stop * factor, left : window[1].stop * factor]
    return (pixels == old) & spread(blocks, factor, pixels.shape), (top, left)


def _count_pixels(mask: np.ndarray, factor: int) -> np.ndarray:
    """(h, w) int64, the pixels of each block that are in the mask."""
    rows, columns = (np.arange(0, side, factor) for side in mask.shape)
    return np.add.reduceat(np.add.reduceat(mask.astype(np.int64), rows, axis=0), columns, axis=1)


def _unusual_share(strength: float, usual: Usual | None, given: int, suggested: int) -> float:
    level = 0.0 if usual is None else usual.pair(given, suggested)
    return strength / (strength + level) if level > 0 else 1.0


def _cropped(mask: np.ndarray, corner: tuple[int, int]) -> tuple[tuple[int, int, int, int], np.ndarray]:
    """The box of a mask, as small as can be, and a copy of the mask in it."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    inside = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].copy()
    return (int(corner[1] + columns[0]), int(corner[0] + rows[0]), inside.shape[1], inside.shape[0]), inside
