"""Images and labels of any size at the size at which a network sees them."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from ..base.types import IGNORED
from .networks import fit_longest, resized, round_up


def input_size(size: tuple[int, int], longest: int | None, largest: int | None = None) -> tuple[int, int]:
    """The size at which a network sees an image; its shape is kept.

    Args:
        size: (height, width) of the image in pixels
        longest: what its longer side is to be, or None for the image's own size
        largest: where ``longest`` is None: the longer side beyond which it is shrunk

    Returns:
        (height, width) in pixels, padding not included
    """
    if longest is not None:
        return fit_longest(size, longest)
    return fit_longest(size, largest) if largest is not None and max(size) > largest else size


def fit_labels(labels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The (H, W) int16 labels at another (height, width), by their nearest pixel: classes cannot be averaged."""
    if labels.shape == size:
        return labels
    return cv2.resize(labels, (size[1], size[0]), interpolation=cv2.INTER_NEAREST_EXACT)


def fit_image(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The (H, W, 3) uint8 image at another (height, width)."""
    return np.ascontiguousarray(resized(image, size))


def pad_image(image: np.ndarray, multiple: int) -> np.ndarray:
    """The image with its bottom and right edges repeated until both sides are multiples of ``multiple``."""
    return pad_image_to(image, (round_up(image.shape[0], multiple), round_up(image.shape[1], multiple)))


def pad_image_to(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The (H, W, 3) image with its bottom and right edges repeated up to ``size``, which is not smaller."""
    below, right = size[0] - image.shape[0], size[1] - image.shape[1]
    return np.pad(image, [(0, below), (0, right), (0, 0)], mode="edge") if below or right else image


def pad_labels_to(labels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The (h, w) labels with `IGNORED` below and to the right up to ``size``, which is not smaller."""
    padded = np.full(size, IGNORED, np.int16)
    padded[: labels.shape[0], : labels.shape[1]] = labels
    return padded


def common_size(sizes: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """The smallest (height, width) that all of them fit into."""
    return max(height for height, _ in sizes), max(width for _, width in sizes)
