"""Predictions that the user has stored, one ``.npy`` or ``.npz`` file an image, checked before they are used."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from ..base.errors import SampleError
from ..base.types import Geometry, Prediction
from ..labels.class_mapping import ClassMapping
from ..labels.class_table import LARGEST_ID
from ..store.encoding import all_finite, to_single
from .array_files import StoredArray, stored_array
from .config import FilesSource

#: Names that an array may have among others in an ``.npz`` file; the first two also say what it holds
ARRAY_NAMES = ("probabilities", "logits", "arr_0")
#: How far a pixel's probabilities may be from summing to 1 in floats
SUM_TOLERANCE = 1e-2
#: Likewise in uint8, or one step of 1/255 a class where that is more: rounding down may cost that much
UINT8_SUM_TOLERANCE = 0.02
_EDGE = 1e-3
_DTYPES = ("float16", "float32", "float64", "uint8")


def channels_of(path: str, sample_id: str) -> int:
    """How many classes a prediction file has, by its header, to build its `ClassMapping`.

    Raises:
        SampleError: as `read_prediction` does, or more classes than masks can have
    """
    with _located(path, sample_id):
        stored, _ = _open(path)
        if stored.shape[0] > LARGEST_ID + 1:
            raise ValueError(
                f"Expected at most {LARGEST_ID + 1} classes, the first axis of (classes, height, width), but got shape "
                f"{stored.shape}."
            )
        return stored.shape[0]


def read_prediction(
    path: str,
    classes: int,
    size: tuple[int, int],
    config: FilesSource,
    mapping: ClassMapping | None,
    sample_id: str,
) -> Prediction:
    """Reads and checks a sample's prediction.

    Args:
        path: an ``.npy`` file, or an ``.npz`` file with one array or one of `ARRAY_NAMES`: (K, h, w) float16, float32,
            float64, or uint8 (255 is 1) for probabilities; of the mask's size or a fraction of it
        classes: K, the dataset's
        size: (H, W) of the sample's mask in pixels
        config: its ``content`` says whether the values are probabilities or logits. With ``auto``, an array named so
            is believed; else values within [0, 1] or summing to 1 are probabilities, and all others logits
        mapping: from the file's channels to the dataset's classes, or None where they are the same
        sample_id: for the errors

    Returns:
        the prediction, at the file's own size; float64 as float32

    Raises:
        SampleError: the file is missing, damaged, of another shape or type, or not what ``content`` says
    """
    with _located(path, sample_id):
        stored, name = _open(path)
        # Before anything is loaded: what the header declares may be more than any memory holds
        _check_shape(stored.shape, len(mapping.channels) if mapping else classes, classes, size)
        array = _native(stored.load())
        _check_finite(array)
        values = to_single(array) if array.dtype == np.float16 else array
        kind = _kind(values, name if config.content == "auto" else config.content)
        if kind == "probabilities":
            _check_probabilities(values)
    height, width = array.shape[1:]
    geometry = Geometry((height, width), (height, width), align_corners=False)
    return Prediction(_mapped(array, kind, mapping), kind, geometry)


@contextmanager
def _located(path: str, sample_id: str) -> Iterator[None]:
    """Turns a check's `ValueError` into a `SampleError` that names the sample and the file."""
    try:
        yield
    except ValueError as error:
        raise SampleError(str(error), sample_id=sample_id, path=path) from error


def _open(path: str) -> tuple[StoredArray, str]:
    """The file's array as its header declares it, and its name (of an ``.npy`` file: "")."""
    try:
        stored, name = stored_array(path, _array_name)
    except FileNotFoundError as error:
        raise ValueError("Expected a prediction file, but it does not exist; correct the path.") from error
    if len(stored.shape) != 3:
        advice = {
            2: "; a mask of class ids belongs in a segmentation field, whose name `field` can be",
            4: "; if the first axis is a batch of one, save array[0]",
        }.get(len(stored.shape), "")
        raise ValueError(f"Expected an array (classes, height, width), but got shape {stored.shape}{advice}.")
    if stored.dtype.name not in _DTYPES:
        raise ValueError(f"Expected an array of {', '.join(_DTYPES)}, but got {stored.dtype.name}.")
    return stored, name


def _array_name(names: list[str]) -> str:
    if len(names) == 1:
        return names[0]
    known = [name for name in ARRAY_NAMES if name in names]
    if not known:
        raise ValueError(
            f"Expected one array, or one named {', '.join(map(repr, ARRAY_NAMES))}, but the file has "
            f"{', '.join(map(repr, names)) or 'none'}; rename it."
        )
    return known[0]


def _native(array: np.ndarray) -> np.ndarray:
    """The array in native byte order and C order; float64 as float32."""
    name = "float32" if array.dtype.name == "float64" else array.dtype.name
    with np.errstate(over="ignore"):
        return array.astype(name, order="C", copy=False)


def _check_shape(shape: tuple[int, ...], outputs: int, classes: int, size: tuple[int, int]) -> None:
    """Raises where a file of this shape is not of ``outputs`` channels, which stand for ``classes``, at a mask's size.

    Where the classes come last, ``outputs`` may have been taken for what is the height.
    """
    channels, *grid = shape
    asked = "Expected shape ({}, {}, {}), or a fraction of that height and width"
    last_are_classes = shape[2] in (outputs, classes) and _fits(shape[:2], size)
    if last_are_classes and not (channels == outputs and _fits(grid, size)):
        raise ValueError(
            f"{asked.format(shape[2], *size)}, but got {shape}: the classes seem to be the last axis; save "
            "array.transpose(2, 0, 1)."
        )
    expected = asked.format(outputs, *size)
    if channels != outputs:
        raise ValueError(
            f"{expected}, but got {shape}: {channels} classes instead of {outputs}. Give a `class_map` from the "
            "file's channels to the dataset's classes, or correct the class table."
        )
    if not _fits(grid, size):
        turned = " Height and width seem to be swapped." if _fits(grid[::-1], size) else ""
        raise ValueError(
            f"{expected}, but got {shape}: height and width do not fit the mask.{turned} Save the prediction of "
            "the whole image, without padding."
        )


def _fits(grid: tuple[int, ...] | list[int], size: tuple[int, int]) -> bool:
    """Whether a grid is the mask's size times one factor of at most 1, each side rounded up or down."""
    (height, width), (full_height, full_width) = grid, size
    if not (1 <= height <= full_height and 1 <= width <= full_width):
        return False
    return (height - 1) * full_width < (width + 1) * full_height and (width - 1) * full_height < (
        height + 1
    ) * full_width


def _check_finite(array: np.ndarray) -> None:
    if array.dtype != np.uint8 and not all_finite(array):
        bad = ~np.isfinite(array)
        channel, row, column = np.argwhere(bad)[0]
        raise ValueError(
            f"Expected finite values, but {int(bad.sum())} of {array.size} are NaN or infinite, the first in class "
            f"{channel} at row {row}, column {column}; predict this image again."
        )


def _kind(values: np.ndarray, said: str) -> str:
    if values.dtype == np.uint8:
        if said == "logits":
            raise ValueError("Expected float logits, but got uint8; only probabilities may be quantised to uint8.")
        return "probabilities"
    if said in ("probabilities", "logits"):
        return said
    return "probabilities" if _within_unit(values) or _sum_to_one(values) else "logits"


def _within_unit(values: np.ndarray) -> bool:
    return bool(values.min() >= 0 and values.max() <= 1 + _EDGE)


def _sum_to_one(values: np.ndarray) -> bool:
    return bool(np.abs(values.sum(axis=0) - 1).max() <= SUM_TOLERANCE)


def _check_probabilities(values: np.ndarray) -> None:
    quantised = values.dtype == np.uint8
    if not quantised and not _within_unit(values):
        raise ValueError(
            f"Expected probabilities in [0, 1], but got values from {values.min():.4g} to {values.max():.4g}; if these "
            "are logits, say content='logits'."
        )
    sums = values.sum(axis=0, dtype=np.uint32) / 255 if quantised else values.sum(axis=0)
    tolerance = max(UINT8_SUM_TOLERANCE, len(values) / 255) if quantised else SUM_TOLERANCE
    wrong = np.abs(sums - 1)
    if wrong.max() > tolerance:
        row, column = np.unravel_index(int(wrong.argmax()), wrong.shape)
        advice = "" if quantised else "; if these are logits, say content='logits'"
        raise ValueError(
            f"Expected the classes' probabilities to sum to 1 within {tolerance:.2g} at each pixel, but got sums from "
            f"{sums.min():.4g} to {sums.max():.4g} (worst at row {row}, column {column}){advice}."
        )


def _mapped(array: np.ndarray, kind: str, mapping: ClassMapping | None) -> np.ndarray:
    if mapping is None or mapping.is_identity:
        return array
    if kind == "logits":
        return mapping.apply_logits(array)
    return mapping.apply_probabilities(array / np.float32(255) if array.dtype == np.uint8 else array)
