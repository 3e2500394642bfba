"""A region and its surroundings as arrays: the image, the given mask and the suggestion, in the App's colours."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from ..labels.places import Place

#: Surroundings on each side, in sides of the region's box, the longer one
MARGIN = 0.3
#: Pixels a side that are shown at least, so that a region of a few pixels is seen in what it belongs to
LEAST_SIDE = 64
#: Pixels of the longer side beyond which is shrunk what is shown
LARGEST_SIDE = 400

Color = tuple[int, int, int]


@dataclass(frozen=True)
class MaskColors:
    """In which colours the App draws the values of a mask.

    It leaves 0, and values that are none of the mask targets where there are some, without colour.

    Args:
        pool: colours of the values 0, 1, 2, …, again from the first after the last
        custom: colours of single values, which come first
        targets: the mask targets' values, none where there are no targets. Of RGB masks a value is 0xRRGGBB
        rgb: whether masks have their colours in them
    """

    pool: Sequence[Color]
    custom: Mapping[int, Color] = field(default_factory=dict)
    targets: Collection[int] = ()
    rgb: bool = False

    def of(self, value: int) -> Color | None:
        """The colour of a value, None where the image shows through."""
        if value == 0 or (self.targets and value not in self.targets):
            return None
        if self.rgb:
            return value >> 16, value >> 8 & 255, value & 255
        return self.custom.get(value) or self.pool[value % len(self.pool)]

    def paint(self, values: np.ndarray) -> np.ndarray:
        """(h, w) values as (h, w, 4) uint8 RGBA, transparent where they have no colour."""
        shown, places = np.unique(values, return_inverse=True)
        colors = [self.of(int(value)) for value in shown]
        palette = np.array([(*color, 255) if color else (0, 0, 0, 0) for color in colors], np.uint8).reshape(-1, 4)
        return palette[places.reshape(values.shape)]


@dataclass(frozen=True)
class RegionViews:
    """A region with its surroundings, shrunk where they are large.

    Args:
        image: (h, w, 3) uint8 RGB
        inside: (h, w) bool, pixels that have some of the region
        given: (h, w) values of the given mask
        suggested: (h, w) values with the region's changed; None where nothing is suggested
    """

    image: np.ndarray
    inside: np.ndarray
    given: np.ndarray
    suggested: np.ndarray | None

    def pixels(self) -> dict[int, int]:
        """The values in the masks, and how many pixels of the given mask and the suggestion have them, most first."""
        masks = [mask.ravel() for mask in (self.given, self.suggested) if mask is not None]
        values, counts = np.unique(np.concatenate(masks), return_counts=True)
        order = np.argsort(-counts, kind="stable")
        return {int(values[i]): int(counts[i]) for i in order}


def region_views(image: np.ndarray, mask: np.ndarray, place: Place, suggested: int | None) -> RegionViews:
    """Cuts a region with its surroundings out.

    Args:
        image: (H, W, 3) uint8 RGB
        mask: the given one, (H, W) values or (H, W, 3) RGB
        place: the region
        suggested: the value that its pixels should have, 0xRRGGBB of RGB masks; None where none is suggested

    Returns:
        what is shown, its longer side at most `LARGEST_SIDE` pixels
    """
    rows, columns = window(place, image.shape[:2])
    given = _values(mask[rows, columns])
    inside = np.zeros(given.shape, bool)
    inside[_within(place.rows, rows), _within(place.columns, columns)] = place.inside
    changed = None if suggested is None else np.where(inside, suggested, given)
    height, width = given.shape
    shrunk = LARGEST_SIDE / max(height, width, LARGEST_SIDE)
    size = max(1, round(height * shrunk)), max(1, round(width * shrunk))
    return RegionViews(
        _averaged(np.ascontiguousarray(image[rows, columns]), size),
        _averaged(inside.astype(np.float32), size) > 0,
        _picked(given, size),
        None if changed is None else _picked(changed, size),
    )


def window(place: Place, size: Sequence[int]) -> tuple[slice, slice]:
    """The rows and columns that are shown of an image of (height, width): the region in the middle where it can be."""
    sides = [part.stop - part.start for part in (place.rows, place.columns)]
    margin = math.ceil(MARGIN * max(sides))
    rows, columns = (
        _span(part, margin, length) for part, length in zip((place.rows, place.columns), size, strict=True)
    )
    return rows, columns


def _span(part: slice, margin: int, length: int) -> slice:
    wanted = min(length, max(part.stop - part.start + 2 * margin, LEAST_SIDE))
    first = min(max(0, (part.start + part.stop - wanted) // 2), length - wanted)
    return slice(first, first + wanted)


def _within(part: slice, span: slice) -> slice:
    return slice(part.start - span.start, part.stop - span.start)


def _values(mask: np.ndarray) -> np.ndarray:
    """(h, w) int64 values; of RGB masks 0xRRGGBB."""
    values = mask.astype(np.int64)
    return values if values.ndim == 2 else (values[..., 0] << 16) | (values[..., 1] << 8) | values[..., 2]


def _averaged(values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return values if values.shape[:2] == size else cv2.resize(values, size[::-1], interpolation=cv2.INTER_AREA)


def _picked(values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The value in the middle of what each pixel covers: classes have no mean."""
    rows, columns = (
        ((2 * np.arange(short) + 1) * long) // (2 * short) for short, long in zip(size, values.shape, strict=True)
    )
    return values[rows[:, None], columns]
