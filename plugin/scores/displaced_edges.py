"""Displaced edges: of each class in an image, whether its edges would fit better a few pixels out or in.

Along each row and each column of an image, its given edges are walked away from, outwards and inwards. Three witnesses
tell a class whose edges were drawn too far out or in from one whose edges are right:

- *faintness*: annotators draw along edges of the picture. How much more the picture changes around the given edges than
  on them: ln((a + 0.1) / (b + 0.1)), a the mean gradient of the colour within reach, b that on the edges, both in
  multiples of the picture's mean.
- *gain*: an edge moved out by d pixels gives the class d pixels more. How many of them the predictions expect to be
  right then, less those that they expect to be wrong, is the sum of 2 p - 1, p the class's probability; moved in, of
  1 - 2 p. The gain is that of the best d, the same for all of the class's edges along an axis, of both axes together,
  per pixel of edge, as a share of the reach.
- *pull*: how much more the picture changes at the edges moved by that d than at the given ones, likewise a logarithm.

What is usual differs by class (grass has no sharp edge) and by how the model errs. So each witness counts by how far it
is above the class's median in the dataset, in steps of the distance from there to its 90th percentile. The class's
displacement is the geometric mean of the three, squared, so that none speaks alone; the image's is its largest class's.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from ..pixels.compiled import kernel
from ..pixels.gradient import colour_gradient, fitted

#: Larger images are looked at in steps of so many pixels that their longer side has at most this many
_LONGEST_SIDE = 512
#: How far an edge may be displaced, as a share of the longer side, and in pixels of the grid at least
_REACH, _LEAST_REACH = 0.05, 3
#: Of a class with fewer pixels of edge nothing is known
_LEAST_EDGE = 20
#: Added to gradients, in multiples of the picture's mean, as no logarithm may be of 0
_FAINTEST = 0.1
#: Of fewer images with a class nobody knows what is usual
_LEAST_IMAGES = 5
#: Witnesses are counted in bins of equal width between these ends; beyond, they count as there
_BINS = 2048
_ENDS = np.array([(-4.0, 4.0), (0.0, 1.0), (-4.0, 4.0)])
#: Where a witness begins to be unusual, and its unit, as shares of the images
_MIDDLE, _HIGH = 0.5, 0.9
#: Added to the unit of each witness, as a class may be the same in all images
_LEAST_SPREAD = np.array([0.05, 0.002, 0.05])


@dataclass(frozen=True)
class EdgeFit:
    """How the edges of the classes in one image fit; classes with hardly any edge are left out.

    Args:
        classes: (m,) int16, ascending
        witnesses: (m, 3) float32: faintness, gain in [0, 1], and pull; high where the edges are displaced
    """

    classes: np.ndarray
    witnesses: np.ndarray

    @classmethod
    def none(cls) -> EdgeFit:
        """Of an image of which nothing is known."""
        return cls(np.empty(0, np.int16), np.empty((0, 3), np.float32))


@dataclass(frozen=True)
class UsualFit:
    """How edges usually fit in a dataset.

    Args:
        middle: (K, 3) float64, median of each witness of each class
        spread: (K, 3) float64, from there to the 90th percentile; infinite where a class is in fewer than five images
    """

    middle: np.ndarray
    spread: np.ndarray

    def to_dict(self) -> dict[str, np.ndarray]:
        """The arrays by name."""
        return dict(vars(self))

    @classmethod
    def from_dict(cls, content: Mapping[str, np.ndarray]) -> UsualFit:
        """What `to_dict` gave."""
        return cls(**content)


class FitCounts:
    """Finds what is usual, image by image, in memory of the classes, not of the images.

    Args:
        classes: number of classes K
    """

    def __init__(self, classes: int) -> None:
        self._counts = np.zeros((classes, 3, _BINS), np.int64)

    def update(self, fit: EdgeFit) -> None:
        """Adds an image."""
        low, high = _ENDS.T
        bins = ((fit.witnesses.astype(np.float64) - low) / (high - low) * _BINS).astype(np.int64)
        self._counts[fit.classes[:, None], np.arange(3), np.clip(bins, 0, _BINS - 1)] += 1

    def usual(self) -> UsualFit:
        """What is usual in the images so far."""
        below = self._counts.cumsum(axis=-1)
        images = below[:, 0, -1]
        middle, high = (_percentile(below, share) for share in (_MIDDLE, _HIGH))
        known = (images >= _LEAST_IMAGES)[:, None]
        return UsualFit(middle, np.where(known, high - middle + _LEAST_SPREAD, np.inf))


def edge_fit(picture: np.ndarray, probabilities: np.ndarray, labels: np.ndarray) -> EdgeFit:
    """How the given edges in an image fit the picture and the predictions.

    Args:
        picture: (H', W', 3) uint8 RGB, of the labels' shape or another resolution of it
        probabilities: (K, H, W) float32 or float16, or uint8 in 255ths
        labels: (H, W) int16 given classes, negative where a pixel takes no part; there are no edges along those

    Returns:
        the witnesses of each class that has at least 20 pixels of edge, in the grid that is looked at
    """
    step = math.ceil(max(labels.shape) / _LONGEST_SIDE)
    grid = slice(step // 2, None, step)
    given = np.ascontiguousarray(labels[grid, grid], np.int16)
    height, width = given.shape
    gradient = colour_gradient(cv2.cvtColor(fitted(picture, (height, width)), cv2.COLOR_RGB2LAB))
    gradient /= gradient.mean() + np.float32(1e-6)
    values = probabilities[:, grid, grid]
    if values.dtype not in (np.float32, np.uint8):
        values = values.astype(np.float32)
    reach = max(_LEAST_REACH, round(_REACH * max(height, width)))
    edge = np.zeros((len(values), 2), np.int64)
    pixels = np.zeros((len(values), 2, 2 * reach + 1), np.int64)
    sums, slopes = np.zeros(pixels.shape), np.zeros(pixels.shape)
    _walk(given, values, gradient, reach, edge, pixels, sums, slopes)
    if values.dtype == np.uint8:
        sums /= 255
    classes = np.flatnonzero(edge.sum(axis=1) >= _LEAST_EDGE)
    witnesses = _witnesses(edge[classes], pixels[classes], sums[classes], slopes[classes])
    return EdgeFit(classes.astype(np.int16), witnesses.astype(np.float32))


def displacement(fit: EdgeFit, usual: UsualFit) -> float:
    """How far the edges of an image's worst class are displaced.

    Args:
        fit: of the image
        usual: of the dataset

    Returns:
        squared geometric mean of the three witnesses, each in times what is unusual; 0 where one says no more than
        half of the images
    """
    if not fit.classes.size:
        return 0.0
    beyond = np.maximum(fit.witnesses - usual.middle[fit.classes], 0) / usual.spread[fit.classes]
    return float(np.cbrt(beyond.prod(axis=1)).max() ** 2)


def _witnesses(edge: np.ndarray, pixels: np.ndarray, sums: np.ndarray, slopes: np.ndarray) -> np.ndarray:
    """(m, 3) faintness, gain and pull, from what `_walk` counts of m classes."""
    reach = pixels.shape[2] // 2
    won = _won(pixels, sums)
    best = won.argmax(axis=2)[..., None]
    gain = np.take_along_axis(won, best, 2).sum(axis=(1, 2)) / (edge.sum(axis=1) * reach)
    there = _mean(*(np.take_along_axis(each, best, 2)[..., 0] for each in (slopes, pixels)))
    here = _mean(slopes[..., reach], pixels[..., reach])
    around = _mean(slopes.sum(axis=2), pixels.sum(axis=2))
    return np.stack([np.log(around / here), gain, np.log(there / here)], axis=1)


def _won(pixels: np.ndarray, sums: np.ndarray) -> np.ndarray:
    """(m, 2, 2 R + 1) pixels that are expected to be right, less those wrong, with the edges moved by -R to R."""
    reach = pixels.shape[2] // 2
    margin = 2 * sums - pixels
    outwards = margin[..., reach + 1 :].cumsum(axis=2)
    # Place R is the class's own pixel at its edge, the first that it loses
    inwards = -margin[..., reach:0:-1].cumsum(axis=2)[..., ::-1]
    return np.concatenate([inwards, np.zeros((*pixels.shape[:2], 1)), outwards], axis=2)


def _mean(slopes: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """(m,) mean gradient over both axes, in multiples of the picture's mean, and a little."""
    return slopes.sum(axis=1) / np.maximum(pixels.sum(axis=1), 1) + _FAINTEST


def _percentile(below: np.ndarray, share: float) -> np.ndarray:
    """(K, 3) middle of the bin that has the smallest value which a share of the images does not exceed."""
    least = np.maximum(np.ceil(share * below[..., -1:]), 1)
    low, high = _ENDS.T
    return low + ((below < least).sum(axis=-1) + 0.5) * (high - low) / _BINS


@kernel()
def _walk(
    labels: np.ndarray,
    values: np.ndarray,
    gradient: np.ndarray,
    reach: int,
    edge: np.ndarray,
    pixels: np.ndarray,
    sums: np.ndarray,
    slopes: np.ndarray,
) -> None:
    """Walks from the edges of each class, outwards until the class begins again, inwards until it ends.

    Args:
        labels: (h, w) int16 given classes, negative where a pixel takes no part
        values: (K, h, w) probabilities, or multiples of them
        gradient: (h, w) float32
        reach: R, how many pixels far
        edge: (K, 2) int64, where the pixels of edge of each class are added up, crossed along a row or a column
        pixels: (K, 2, 2 R + 1) int64, likewise those met at each distance: R + t is the t-th pixel outside, R - t the
            one t pixels behind the last inside
        sums: (K, 2, 2 R + 1) float64, the class's values over them
        slopes: (K, 2, 2 R + 1) float64, the gradient where they meet the next pixel outwards
    """
    height, width = labels.shape
    for row in range(height):
        for column in range(width):
            k = labels[row, column]
            if k < 0:
                continue
            for direction in range(4):
                axis = direction // 2
                forwards = 1 - 2 * (direction % 2)
                down, right = (0, forwards) if axis == 0 else (forwards, 0)
                y, x = row + down, column + right
                if y < 0 or x < 0 or y >= height or x >= width or labels[y, x] < 0 or labels[y, x] == k:
                    continue
                edge[k, axis] += 1
                slope = gradient[y, x]
                for place in range(reach, -1, -1):
                    y, x = row - (reach - place) * down, column - (reach - place) * right
                    if y < 0 or x < 0 or y >= height or x >= width or labels[y, x] != k:
                        break
                    pixels[k, axis, place] += 1
                    sums[k, axis, place] += values[k, y, x]
                    slopes[k, axis, place] += 0.5 * (gradient[y, x] + slope)
                    slope = gradient[y, x]
                y, x = row + down, column + right
                for place in range(reach + 1, 2 * reach + 1):
                    pixels[k, axis, place] += 1
                    sums[k, axis, place] += values[k, y, x]
                    slope = gradient[y, x]
                    y, x = y + down, x + right
                    inside = 0 <= y < height and 0 <= x < width
                    slopes[k, axis, place] += 0.5 * (slope + gradient[y, x]) if inside else slope
                    if not inside or labels[y, x] < 0 or labels[y, x] == k:
                        break
