"""Masks to class indices and back: integers of any width, gaps between ids, RGB, ignored and unknown values."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from ..base.errors import LabelQualityError, SampleError
from ..base.types import IGNORED
from .class_table import LARGEST_ID, ClassTable, hex_color
from .mask_values import Target

_UNKNOWN = -2
_SHOWN_VALUES = 10


class MaskValueError(LabelQualityError):
    """A mask holds values outside the class table.

    Args:
        counts: each such value (an integer, or '#rrggbb') and its number of pixels
    """

    def __init__(self, counts: Mapping[Target, int]) -> None:
        self.counts = dict(counts)
        ordered = sorted(counts.items(), key=lambda item: -item[1])
        shown = [f"{value} ({count} pixel{'s' if count > 1 else ''})" for value, count in ordered[:_SHOWN_VALUES]]
        if len(ordered) > _SHOWN_VALUES:
            shown.append(f"and {len(ordered) - _SHOWN_VALUES} more")
        super().__init__(
            f"The mask holds values that are not in the class table: {', '.join(shown)}. Add them to the classes (the "
            "dataset's mask targets, or classes=), list them in ignored=, or leave those pixels out with "
            "unknown='ignore'."
        )


def encode(mask: np.ndarray, table: ClassTable, unknown: str = "error") -> np.ndarray:
    """Turns a mask into class indices.

    Args:
        mask: (H, W), (H, W, 1), (H, W, 3) or (H, W, 4) integers (or whole floats, or booleans); alpha is dropped, and
            a mask of three equal channels is one of integers where the table is
        table: the classes
        unknown: ``error``, or ``ignore`` to leave pixels of a value outside the table out

    Returns:
        (H, W) int16 indices into the table, `IGNORED` where ignored

    Raises:
        MaskValueError: values outside the table, with ``unknown="error"``
        LabelQualityError: an array that is no mask, or not of the table's kind
    """
    if unknown not in ("error", "ignore"):
        raise LabelQualityError(f"Expected parameter `unknown` to be 'error' or 'ignore', but got {unknown!r}.")
    rgb = table.colors is not None
    values = _pack(as_rgb(mask)) if rgb else _as_integers(mask)
    labels = _look_up(values, table)
    if labels.size and labels.min() == _UNKNOWN:
        strangers = labels == _UNKNOWN
        if unknown == "error":
            raise MaskValueError(_counts(values[strangers], rgb))
        labels[strangers] = IGNORED
    return labels


def predicted_mask(prediction: np.ndarray, table: ClassTable) -> np.ndarray:
    """The mask to save for predicted classes: encoding it gives the prediction back.

    Args:
        prediction: (H, W) indices into the table, none of them `IGNORED`
        table: the classes

    Returns:
        (H, W) uint8 mask values, uint16 where one is above 255; (H, W, 3) uint8 where masks are RGB
    """
    if table.colors is not None:
        palette = np.array([_unpack(value) for value in table.ids], np.uint8)
    else:
        palette = np.array(table.ids, np.uint8 if table.ids[-1] <= 255 else np.uint16)
    return palette.take(prediction, axis=0)


def check_storable(mask: np.ndarray, sample_id: str) -> None:
    """Raises `SampleError` where a mask, (H, W) or (H, W, C) integers, has values that no PNG can have."""
    wrong = mask[(mask < 0) | (mask > LARGEST_ID)]
    if wrong.size:
        raise SampleError(
            f"Its mask has the value {wrong[0]}, which no file of masks can have. Give ignored pixels a value in "
            f"0..{LARGEST_ID}, such as 255.",
            sample_id=sample_id,
        )


def values_seen(mask: np.ndarray) -> set[Target]:
    """The values a mask holds: integers, or '#rrggbb' colours of a mask whose channels differ.

    Args:
        mask: as `encode` takes it
    """
    checked = _checked(mask)
    if checked.ndim == 3 and not _is_gray(checked):
        return {hex_color(int(value)) for value in np.unique(_pack(checked))}
    return {int(value) for value in np.unique(_as_integers(mask))}


def _checked(mask: np.ndarray) -> np.ndarray:
    """The mask as (H, W) or (H, W, 3) integers."""
    mask = np.asarray(mask)
    if mask.dtype == bool:
        mask = mask.astype(np.uint8)
    if mask.ndim == 3 and mask.shape[2] in (1, 3, 4):
        mask = mask[..., 0] if mask.shape[2] == 1 else mask[..., :3]
    elif mask.ndim != 2:
        raise LabelQualityError(
            f"Expected a mask of shape (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), got {mask.shape}."
        )
    if np.issubdtype(mask.dtype, np.floating) and np.isfinite(mask).all() and (mask == np.trunc(mask)).all():
        mask = mask.astype(np.int64)
    if not np.issubdtype(mask.dtype, np.integer):
        raise LabelQualityError(f"Expected a mask of whole numbers, but got {mask.dtype} values that are not.")
    return mask


def _as_integers(mask: np.ndarray) -> np.ndarray:
    mask = _checked(mask)
    if mask.ndim == 3 and not _is_gray(mask):
        raise LabelQualityError(
            "Expected a one-channel mask, as the class table holds integers, but got one with colours. Give the "
            "classes as '#rrggbb' colours; or, if the file is a palette PNG, which FiftyOne reads as colours, store "
            "its indices as a grayscale PNG."
        )
    return mask if mask.ndim == 2 else mask[..., 0]


def as_rgb(mask: np.ndarray) -> np.ndarray:
    """A mask of colours, whatever it is stored as.

    Args:
        mask: as `encode` takes it; one of gray values has three equal channels

    Returns:
        (H, W, 3) uint8

    Raises:
        LabelQualityError: values outside 0..255, or an array that is no mask
    """
    mask = _checked(mask)
    if mask.size and (mask.min() < 0 or mask.max() > 255):
        raise LabelQualityError(
            f"Expected an RGB mask with channels in 0..255, as the class table holds colours, but got values "
            f"{mask.min()}..{mask.max()}."
        )
    mask = mask.astype(np.uint8, copy=False)
    return mask if mask.ndim == 3 else np.repeat(mask[..., None], 3, axis=2)


def _is_gray(mask: np.ndarray) -> bool:
    return bool((mask[..., 0] == mask[..., 1]).all() and (mask[..., 0] == mask[..., 2]).all())


def _pack(mask: np.ndarray) -> np.ndarray:
    """(H, W, 3) channels in 0..255 to (H, W) int32 0xRRGGBB."""
    red, green, blue = (mask[..., channel].astype(np.int32) for channel in range(3))
    return (red << 16) | (green << 8) | blue


def _unpack(value: int) -> tuple[int, int, int]:
    return value >> 16, value >> 8 & 255, value & 255


def _look_up(values: np.ndarray, table: ClassTable) -> np.ndarray:
    """(H, W) int16 indices, `IGNORED` or `_UNKNOWN`."""
    if table.colors is None and values.dtype != np.uint8 and values.size:
        small = values.min() >= 0 and values.max() <= LARGEST_ID
        values = values.astype(np.uint16, copy=False) if small else values
    if values.dtype in (np.uint8, np.uint16):
        return _lookup_table(table).take(values)
    known, indices = _sorted_values(table)
    places = np.searchsorted(known[:-1], values)
    return np.where(known[places] == values, indices[places], np.int16(_UNKNOWN))


@lru_cache(maxsize=16)
def _lookup_table(table: ClassTable) -> np.ndarray:
    lookup = np.full(LARGEST_ID + 1, _UNKNOWN, np.int16)
    lookup[[value for value in table.ignored if 0 <= value <= LARGEST_ID]] = IGNORED
    lookup[list(table.ids)] = np.arange(table.size, dtype=np.int16)
    return lookup


@lru_cache(maxsize=16)
def _sorted_values(table: ClassTable) -> tuple[np.ndarray, np.ndarray]:
    """All values of the table in ascending order, and their indices."""
    values = np.array([*table.ids, *table.ignored], np.int64)
    indices = np.array([*range(table.size), *[IGNORED] * len(table.ignored)], np.int16)
    order = np.argsort(values)
    return values[order], indices[order]


def _counts(values: np.ndarray, rgb: bool) -> dict[Target, int]:
    found, counts = np.unique(values, return_counts=True)
    return {hex_color(int(v)) if rgb else int(v): int(n) for v, n in zip(found, counts, strict=True)}
