"""Pooling over square blocks: the mean of the probabilities, the majority vote of the labels."""

from __future__ import annotations

import numpy as np

from . import block_kernels
from . import pool_kernels as kernels
from .values import class_values, divisor


def pool_probabilities(probabilities: np.ndarray, factor: int, labels: np.ndarray | None = None) -> np.ndarray:
    """Averages every class over blocks of ``factor`` × ``factor`` pixels; blocks at the edge over the pixels they have.

    Args:
        probabilities: (K, H, W) floating point, in [0, 1], or uint8 in 255ths
        factor: side of a block in pixels, at least 1
        labels: (H, W) given classes; where given, pixels with a negative one take no part, and a block of nothing
            else is 0

    Returns:
        (K, h, w) float32 with h = ceil(H / factor), w = ceil(W / factor).
    """
    values = class_values(probabilities)
    classes, height, width = values.shape
    taking_part = np.zeros((height, width), np.int16) if labels is None else np.minimum(labels, 0).astype(np.int16)
    _, sizes = vote(taking_part, factor, 1)
    pooled = np.empty((classes, *sizes.shape), np.float32)
    blocks = factor, shares(sizes, divisor(values))
    kernels.pool_planes(values.reshape(classes, -1), taking_part.reshape(-1), width, *blocks, pooled)
    return pooled


def pool_labels(labels: np.ndarray, factor: int, classes: int) -> np.ndarray:
    """Gives every block of ``factor`` × ``factor`` pixels the class that most of its pixels have.

    Averaging class numbers would invent classes (0 and 2 would become 1); a vote cannot.

    Args:
        labels: (H, W) int16 class indices below ``classes``, negative where a pixel takes no part
        factor: side of a block in pixels, at least 1
        classes: number of classes K

    Returns:
        (h, w) int16; the smaller class where votes are equal, `IGNORED` where no pixel of a block takes part.
    """
    return vote(labels, factor, classes)[0]


def spread(blocks: np.ndarray, factor: int, size: tuple[int, ...]) -> np.ndarray:
    """Gives each pixel the value of its block, the way back from pooling.

    Args:
        blocks: (h, w) of any dtype
        factor: side of a block in pixels, at least 1
        size: (H, W) of the image, at most ``factor`` times that of the blocks

    Returns:
        (H, W) of the same dtype, contiguous
    """
    return np.ascontiguousarray(blocks.repeat(factor, axis=0).repeat(factor, axis=1)[: size[0], : size[1]])


def vote(labels: np.ndarray, factor: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Pools labels as `pool_labels` does, and counts the pixels behind each vote.

    Args:
        labels: as for `pool_labels`
        factor: likewise
        classes: likewise

    Returns:
        The pooled labels, and (h, w) int32 pixels of each block that take part.
    """
    labels = np.ascontiguousarray(labels, dtype=np.int16)
    shape = -(-labels.shape[0] // factor), -(-labels.shape[1] // factor)
    pooled, sizes = np.empty(shape, np.int16), np.empty(shape, np.int32)
    block_kernels.vote(labels, factor, np.zeros(classes, bool), pooled, sizes)
    return pooled, sizes


def shares(sizes: np.ndarray, divisor: np.float32) -> np.ndarray:
    """What a block's sum of class values is multiplied by to be its mean probability.

    Args:
        sizes: (h, w) int32, as `vote` counts them
        divisor: of the class values, as `values.divisor` gives it

    Returns:
        (h, w) float32.
    """
    return (1 / (np.maximum(sizes, 1) * np.float64(divisor))).astype(np.float32)
