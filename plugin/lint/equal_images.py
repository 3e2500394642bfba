"""Equal or nearly equal images whose masks differ."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import cv2
import numpy as np

from ..base.errors import LabelQualityError
from ..base.file_digest import file_digest
from ..base.words import percent
from ..labels.given_masks import GivenMasks
from ..labels.images import read_thumbnail
from .findings import DUPLICATE, Finding
from .image_hashes import LEAST_CONTRAST, SIDE, near_hashes
from .mask_report import load_labels

#: Share of an image's contrast by which gray values of nearly equal images, shrunken to 32 × 32, differ at most. Copies
#: of 0.8 times the size and JPEG quality 70 differ by up to 0.014 in CamVid and by 0.054 in microscopy; of CamVid's
#: frames, a second apart, only those of a car that stands are as near
_TOLERANCE = 0.05
_COMPARED_SIDE = SIDE // 2
#: Images that each is compared with, as far as they have not been often enough
_COMPARED = 3


@dataclass(frozen=True)
class Pair:
    """Two samples whose images may be equal and whose masks are not."""

    one: int
    other: int


def candidates(hashes: Mapping[int, int], checksums: Mapping[int, int]) -> list[Pair]:
    """The pairs that are worth a look at their pixels: of each sample the few that are nearest.

    Args:
        hashes: position of a sample to the hash of its image
        checksums: position to the checksum of its mask; those without one have no mask
    """
    groups: dict[int, list[int]] = defaultdict(list)
    for sample, value in hashes.items():
        if sample in checksums:
            groups[value].append(sample)
    distinct = list(groups)
    pairs = [pair for same in groups.values() for pair in product(same[:_COMPARED], same)]
    for _, first, second in near_hashes(distinct):
        here, there = groups[distinct[first]], groups[distinct[second]]
        pairs += [*product(here[:1], there), *product(there[:1], here)]
    taken: Counter[int] = Counter()
    found: dict[Pair, None] = {}
    for one, other in pairs:
        pair = Pair(min(one, other), max(one, other))
        # Of the frames of a camera that stands still, not every two
        wanted = checksums[one] != checksums[other] and min(taken[one], taken[other]) < _COMPARED
        if wanted and pair not in found:
            found[pair] = None
            taken.update((one, other))
    return list(found)


def compare(samples: GivenMasks, pair: Pair, least: float) -> list[Finding]:
    """A finding for either of two samples, if their images are equal or nearly so and their masks differ.

    Args:
        samples: the dataset's
        pair: positions of the two
        least: share of the pixels by which the masks differ at least
    """
    paths = [samples.image_paths[index] for index in (pair.one, pair.other)]
    try:
        equal = _same_file(*paths)
        if not equal and not nearly_equal(*(read_thumbnail(path, SIDE) for path in paths)):
            return []
        masks = [load_labels(samples, index) for index in (pair.one, pair.other)]
    except (LabelQualityError, OSError):
        # Said of the sample by itself
        return []
    return [
        finding
        for mine, index, path in ((0, pair.one, paths[1]), (1, pair.other, paths[0]))
        for finding in _differing(
            masks[mine], masks[1 - mine], index, path, "equal" if equal else "nearly equal", least
        )
    ]


def nearly_equal(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two shrunken images show the same.

    Args:
        one: (64, 64) uint8
        other: likewise
    """
    contrast = float(one.max()) - float(one.min())
    first, second = (
        cv2.resize(image.astype(np.float32), (_COMPARED_SIDE, _COMPARED_SIDE), interpolation=cv2.INTER_AREA)
        for image in (one, other)
    )
    return contrast >= LEAST_CONTRAST and bool(np.abs(first - second).max() <= _TOLERANCE * contrast)


def strongest(findings: Sequence[Finding]) -> Iterator[Finding]:
    """Of each sample the finding of the largest difference."""
    best: dict[int, Finding] = {}
    for one in findings:
        if one.sample not in best or one.strength > best[one.sample].strength:
            best[one.sample] = one
    return iter(best.values())


def _differing(
    mask: np.ndarray, other: np.ndarray, sample: int, path: str, how: str, least: float
) -> Iterator[Finding]:
    differ = _differences(mask, other)
    pixels = int(np.count_nonzero(differ))
    share = pixels / differ.size
    if not pixels or share < least:
        return
    rows, columns = np.nonzero(differ)
    left, top = int(columns.min()), int(rows.min())
    box = (left, top, int(columns.max()) + 1 - left, int(rows.max()) + 1 - top)
    reason = (
        f"The image is {how} to {os.path.basename(path)}, but {percent(share)} of the pixels have another class in its "
        "mask: at most one of both can be right."
    )
    centre = float(columns.mean()), float(rows.mean())
    yield Finding(DUPLICATE, sample, reason, "", pixels, box, centre, strength=share)


def _differences(mask: np.ndarray, other: np.ndarray) -> np.ndarray:
    """(H, W) bool, where a mask differs from another one; of another size, from all within a pixel there."""
    if mask.shape == other.shape:
        return np.asarray(mask != other)
    other = cv2.resize(other, mask.shape[::-1], interpolation=cv2.INTER_NEAREST)
    padded = np.pad(other, 1, mode="edge")
    height, width = mask.shape
    shifted = (padded[y : y + height, x : x + width] for y in range(3) for x in range(3))
    return ~np.any([mask == one for one in shifted], axis=0)


def _same_file(one: str, other: str) -> bool:
    if os.path.getsize(one) != os.path.getsize(other):
        return False
    return file_digest(one) == file_digest(other)
