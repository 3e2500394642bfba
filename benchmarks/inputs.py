"""Generated input: smooth random probability maps, and labels that agree with them except in some regions."""

from __future__ import annotations

import cv2
import numpy as np

#: Name to classes, height, width: CamVid, Cityscapes at half size, ADE20K
SHAPES = {"12x360x480": (12, 360, 480), "19x512x1024": (19, 512, 1024), "150x512x680": (150, 512, 680)}
#: Side of the regions of one class, in pixels
REGION = 32


def make_image(shape: tuple[int, int, int], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Makes one image.

    Args:
        shape: classes K, height H, width W
        seed: the same seed gives the same image

    Returns:
        Probabilities (K, H, W) float32 that sum to 1, and labels (H, W) int16.
    """
    rng = np.random.default_rng(seed)
    probabilities = _smooth(shape, rng, contrast=4.0)
    probabilities += 0.3 * rng.standard_normal(shape, np.float32)
    probabilities -= probabilities.max(axis=0)
    np.exp(probabilities, out=probabilities)
    probabilities /= probabilities.sum(axis=0)
    labels = probabilities.argmax(axis=0).astype(np.int16)
    wrong = _smooth((1, *shape[1:]), rng, contrast=1.0)[0] > 1.0
    labels[wrong] = (labels[wrong] + 1) % shape[0]
    return probabilities, labels


def _smooth(shape: tuple[int, int, int], rng: np.random.Generator, contrast: float) -> np.ndarray:
    classes, height, width = shape
    maps = np.empty(shape, np.float32)
    for k in range(classes):
        coarse = contrast * rng.standard_normal((height // REGION + 2, width // REGION + 2), np.float32)
        cv2.resize(coarse, (width, height), dst=maps[k], interpolation=cv2.INTER_CUBIC)
    return maps
