"""Predictions at the model's own resolution to class probabilities at the mask's size.

Two bilinear interpolations, grid → model input and (its valid part) → mask, are one linear map per axis: each output
row is a weighted mean of at most four grid rows, and likewise the columns. That composed map is applied once, columns
then rows, with the softmax in the same pass; the large intermediate image is never made.
"""

from __future__ import annotations

import functools

import numpy as np

from ..base.types import Prediction
from ..store.encoding import to_single
from . import resample_kernels


def to_probabilities(prediction: Prediction, size: tuple[int, int]) -> np.ndarray:
    """Class probabilities of every pixel of the mask.

    Logits are interpolated and then put through a softmax; probabilities are interpolated and then divided by their
    sum. A mask smaller than the prediction gets plain bilinear samples, not area means: such a mask was itself made
    smaller by sampling (classes cannot be averaged), so a sample is what describes the pixel that was kept.

    Args:
        prediction: finite values (K, h, w) at the model's own resolution
        size: (H, W) of the mask in pixels

    Returns:
        (K, H, W) float32, C-contiguous, in [0, 1], summing to 1 over K; where all K probabilities are 0, 1 / K
    """
    values = _readable(prediction.values)
    geometry, grid = prediction.geometry, values.shape[1:]
    rows, columns = (
        axis_map(grid[axis], geometry.input_size[axis], geometry.valid[axis], size[axis], geometry.align_corners)
        for axis in (0, 1)
    )
    out = np.empty((values.shape[0], *size), np.float32)
    resample_kernels.resample(values, *rows, *columns, prediction.kind == "logits", out)
    return out


def scorable(prediction: Prediction, size: tuple[int, int]) -> np.ndarray:
    """As `to_probabilities`, but probabilities that have the mask's size already are given as they are.

    Args:
        prediction: as `to_probabilities` takes it
        size: (H, W) of the mask in pixels

    Returns:
        (K, H, W) float32, float16, or uint8 in 255ths: what `image_scores.score_image` reads
    """
    geometry = prediction.geometry
    sizes = {tuple(size), tuple(geometry.input_size), tuple(geometry.valid), prediction.values.shape[1:]}
    if prediction.kind == "probabilities" and len(sizes) == 1:
        return prediction.values
    return to_probabilities(prediction, size)


@functools.lru_cache(maxsize=256)
def axis_map(grid: int, padded: int, valid: int, size: int, align_corners: bool) -> tuple[np.ndarray, np.ndarray]:
    """Grid → padded input → its valid start → mask, along one axis, as one sparse linear map.

    Args:
        grid: samples of the prediction
        padded: samples of the model's input
        valid: samples of it that show the image
        size: samples of the mask
        align_corners: as in `types.Geometry`

    Returns:
        the grid samples that each output sample is a mean of, (taps, size) int64 with 1 to 4 taps, and their weights,
        (taps, size) float32, in [0, 1] and summing to 1 over the taps
    """
    inner, inner_weights = _bilinear(grid, padded, align_corners)
    outer, outer_weights = _bilinear(valid, size, False)
    taps = np.concatenate([inner[:, near] for near in outer])
    weights = np.concatenate(
        [inner_weights[:, near] * weight for near, weight in zip(outer, outer_weights, strict=True)]
    )
    return _merged(taps, weights)


def _bilinear(source: int, target: int, align_corners: bool) -> tuple[np.ndarray, np.ndarray]:
    """The two neighbours of each target sample, (2, target), and their weights, as torch's ``interpolate`` has them."""
    positions = np.arange(target, dtype=np.float64)
    if align_corners:
        at = positions * ((source - 1) / max(target - 1, 1))
    else:
        at = np.maximum((positions + 0.5) * (source / target) - 0.5, 0)
    low = np.minimum(at.astype(np.int64), source - 1)
    part = np.where(low == source - 1, 0, at - low)
    return np.stack([low, np.minimum(low + 1, source - 1)]), np.stack([1 - part, part])


def _merged(taps: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same map with each sample tapped once and as few taps as the neediest output sample needs."""
    for later in range(1, len(taps)):
        for earlier in range(later):
            same = taps[later] == taps[earlier]
            weights[earlier] += np.where(same, weights[later], 0)
            weights[later][same] = 0
    order = np.argsort(weights == 0, axis=0, kind="stable")
    taps, weights = np.take_along_axis(taps, order, axis=0), np.take_along_axis(weights, order, axis=0)
    needed = int((weights > 0).sum(axis=0).max())
    return np.ascontiguousarray(taps[:needed]), np.ascontiguousarray(weights[:needed], dtype=np.float32)


def _readable(values: np.ndarray) -> np.ndarray:
    """C-contiguous uint8 or float32: what the kernel reads without conversions of its own."""
    if values.dtype == np.float16:
        return to_single(values)
    return np.ascontiguousarray(values, dtype=np.uint8 if values.dtype == np.uint8 else np.float32)
