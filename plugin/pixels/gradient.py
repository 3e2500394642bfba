"""The edges of a picture: how fast its colour changes."""

from __future__ import annotations

import cv2
import numpy as np


def fitted(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A picture at another size, averaged where it becomes smaller.

    Args:
        picture: (H, W, 3) uint8 RGB
        size: (height, width) in pixels

    Returns:
        (height, width, 3) uint8 RGB, C-contiguous
    """
    height, width = size
    if picture.shape[:2] != size:
        smaller = picture.shape[0] * picture.shape[1] > height * width
        how = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
        picture = cv2.resize(np.ascontiguousarray(picture), (width, height), interpolation=how)
    return np.ascontiguousarray(picture)


def colour_gradient(colours: np.ndarray) -> np.ndarray:
    """Length of the gradient of a picture's colour.

    Args:
        colours: (H, W, 3) uint8 CIE Lab

    Returns:
        (H, W) float32, at least 0: the root of the sum of the squares of Sobel's 3×3 slopes of all channels, smoothed
        by a Gaussian of one pixel before
    """
    squares = np.zeros(colours.shape[:2], np.float32)
    for channel in cv2.split(cv2.GaussianBlur(colours, (5, 5), 1)):
        across, down = (slope.astype(np.float32) for slope in cv2.spatialGradient(channel))
        squares += across * across + down * down
    return np.sqrt(squares)
