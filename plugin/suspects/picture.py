"""What the picture itself says of a suspect, whatever the predictions: its edges and colours."""

from __future__ import annotations

import cv2
import numpy as np

from ..pixels.gradient import colour_gradient, fitted
from .regions import Region

#: Larger pictures are made as small as this: edges and colours of regions do not need more
_LONGEST_SIDE = 1024
#: How far around a region colours are compared, as a share of the picture's longer side, and in pixels at least
_REACH, _LEAST_REACH = 0.02, 6
#: Pixels without which no colour is known
_LEAST_PIXELS = 6
#: From the steps of uint8 to those of Lab
_TO_LAB = np.array([100 / 255, 1, 1])
_CROSS = np.ones((3, 3), np.uint8)


class Picture:
    """An image's colours and gradients.

    Args:
        pixels: (H, W, 3) uint8 RGB
        size: (height, width) of its mask
    """

    def __init__(self, pixels: np.ndarray, size: tuple[int, int]) -> None:
        self.scale = min(1.0, _LONGEST_SIDE / max(size))
        height, width = (max(1, round(side * self.scale)) for side in size)
        #: (h, w, 3) uint8 CIE Lab, L in [0, 255]
        self.colours = cv2.cvtColor(fitted(pixels, (height, width)), cv2.COLOR_RGB2LAB)
        #: (h, w) float32, length of the colour's gradient
        self.gradient = colour_gradient(self.colours)
        self._usual = float(self.gradient.mean()) + 1e-6

    def contrasts(self, region: Region, given: np.ndarray) -> list[float]:
        """Edges and colours at a region.

        An annotator draws along edges of the picture: where the given edge of a region lies on one, and the edge that
        is seen does not, the mask is rather right. A region of the colour of what is around it and of the given class
        is rather given right, one of the colour of the suggested class around it rather not.

        Args:
            region: the region
            given: (H, W) int16 given class of each pixel, negative where ignored

        Returns:
            Logarithm of the gradient along the outline where another class is given, and whether there is such a part;
            the logarithm where the outline goes through the given class, as seldom none of it does; logarithms of the
            distance of its mean colour to that of the given class, and of the suggested class, around it, and whether
            the latter is there; logarithm of the gradient in it. Gradients are in multiples of the picture's mean. What
            is not there is 0.
        """
        inside, labels, window = self._around(region, given)
        gradient, colours = self.gradient[window], self.colours[window]
        outline = (cv2.dilate(inside, _CROSS) > inside) & (labels >= 0)
        edges = [self._edge(gradient, outline & there) for there in (labels != region.given, labels == region.given)]
        reach = self._reach(given)
        around = cv2.dilate(inside, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)) > inside
        colour = colours[inside > 0].mean(axis=0)
        of_given, _ = _distance(colour, colours[around & (labels == region.given)])
        of_suggested, known = _distance(colour, colours[around & (labels == region.suggested)])
        texture = float(np.log(gradient[inside > 0].mean() / self._usual + 0.1))
        return [*edges[0], edges[1][0], of_given, of_suggested, known, texture]

    def _reach(self, given: np.ndarray) -> int:
        return max(_LEAST_REACH, round(_REACH * self.scale * max(given.shape)))

    def _around(self, region: Region, given: np.ndarray) -> tuple[np.ndarray, np.ndarray, tuple[slice, slice]]:
        """The region (uint8) and the given classes in a window around it, and where in the picture the window is."""
        left, top, width, height = region.box
        tall, wide = self.gradient.shape
        reach = self._reach(given)
        if self.scale == 1:
            window = (
                slice(max(0, top - reach), min(tall, top + height + reach)),
                slice(max(0, left - reach), min(wide, left + width + reach)),
            )
            inside = np.zeros(given[window].shape, np.uint8)
            start = top - window[0].start, left - window[1].start
            inside[start[0] : start[0] + height, start[1] : start[1] + width] = region.mask
            return inside, given[window], window
        rows, columns = _span(top, height, self.scale, reach, tall), _span(left, width, self.scale, reach, wide)
        # The pixel of the mask in the middle of each of the picture's
        at_rows, at_columns = (
            np.minimum(((np.arange(span.start, span.stop) + 0.5) / self.scale).astype(int), side - 1)
            for span, side in zip((rows, columns), given.shape, strict=True)
        )
        labels = given[np.ix_(at_rows, at_columns)]
        inside = np.zeros(labels.shape, np.uint8)
        own = (at_rows >= top) & (at_rows < top + height), (at_columns >= left) & (at_columns < left + width)
        inside[np.ix_(*own)] = region.mask[np.ix_(at_rows[own[0]] - top, at_columns[own[1]] - left)]
        if not inside.any():
            # So thin that no middle is in it
            row, column = (int((start + side / 2) * self.scale) for start, side in ((top, height), (left, width)))
            inside[min(row, tall - 1) - rows.start, min(column, wide - 1) - columns.start] = 1
        return inside, labels, (rows, columns)

    def _edge(self, gradient: np.ndarray, along: np.ndarray) -> tuple[float, float]:
        if not along.any():
            return 0.0, 0.0
        band = cv2.dilate(along.astype(np.uint8), _CROSS) > 0
        return float(np.log(gradient[band].mean() / self._usual + 0.1)), 1.0


def _distance(colour: np.ndarray, colours: np.ndarray) -> tuple[float, float]:
    """Logarithm of a colour's distance to the mean of (n, 3) others, and 1; 0 and 0 where they are too few."""
    if len(colours) < _LEAST_PIXELS:
        return 0.0, 0.0
    # Two of Lab's steps are hardly seen; 12, e^2.5, is the middle of what regions have
    return float(np.log(np.linalg.norm((colour - colours.mean(axis=0)) * _TO_LAB) + 2) - 2.5), 1.0


def _span(start: int, length: int, scale: float, reach: int, side: int) -> slice:
    first, last = int(start * scale) - reach, int(np.ceil((start + length) * scale)) + reach
    return slice(max(0, first), min(side, last))
