"""What is usual in a dataset: how small and how thin its components are, how large, where and of which shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

#: Pixels of a mask to "a few pixels" of it, and the least that those are
_A_FEW_OF = 10_000
_LEAST_FEW = 4
#: Features of components, in words; the last two are their shape
SIZE, ROW, COLUMN, ELONGATION, EXTENT = "size", "row", "column", "elongation", "extent"
SHAPE = (ELONGATION, EXTENT)
#: The standard deviation of a normal distribution, of its median absolute deviation
_DEVIATION = 1.4826


def few_pixels(pixels: int, stated: int | None = None) -> int:
    """How many pixels of a mask are "a few".

    Args:
        pixels: of the mask
        stated: by the user; None for 1/10000 of the mask, and at least 4
    """
    return stated if stated is not None else max(_LEAST_FEW, round(pixels / _A_FEW_OF))


@dataclass(frozen=True)
class Sizes:
    """How large the components of a class are.

    Args:
        area: (n,) int64 pixels, ascending
        whole: pixels that shares are of: the class's own unless said otherwise
    """

    area: np.ndarray
    whole: int

    @classmethod
    def of(cls, area: np.ndarray, whole: int | None = None) -> Sizes:
        """Of (n,) areas in any order."""
        ordered = np.sort(area.astype(np.int64))
        return cls(ordered, int(ordered.sum()) if whole is None else whole)

    def share(self, area: np.ndarray | int) -> np.ndarray:
        """Share of the pixels that components of at most these (m,) areas, or this one, hold; float64 in [0, 1]."""
        held = np.append(0, np.cumsum(self.area))
        return held[self.number(area)] / max(1, self.whole)

    def number(self, area: np.ndarray | int) -> np.ndarray:
        """How many components are of at most these (m,) areas, or this one; int64."""
        return np.asarray(np.searchsorted(self.area, area, side="right"))

    @property
    def typical(self) -> int:
        """The area such that components of at least it hold half of the class's pixels; 0 where there are none."""
        if not self.area.size:
            return 0
        held = np.cumsum(self.area)
        return int(self.area[np.searchsorted(held, held[-1] / 2)])


@dataclass(frozen=True)
class Spread:
    """Where the values of a class lie.

    Args:
        median: of the values
        below: robust standard deviation of those up to the median: 1.4826 times the median distance from it
        above: likewise of those from it on
        quartiles: a quarter of the values is below the first, a quarter above the second
    """

    median: float
    below: float
    above: float
    quartiles: tuple[float, float]

    @classmethod
    def of(cls, values: np.ndarray, least: float) -> Spread:
        """Of (n,) values, n at least 1.

        Args:
            values: of the components
            least: what is not told apart: no deviation is smaller
        """
        median = float(np.median(values))
        distance = values - median
        below, above = (
            max(least, _DEVIATION * float(np.median(np.abs(one))))
            for one in (
                distance[distance <= 0],
                distance[distance >= 0],
            )
        )
        low, high = np.quantile(values, (0.25, 0.75))
        return cls(median, below, above, (float(low), float(high)))

    def scores(self, values: np.ndarray) -> np.ndarray:
        """How many deviations values are from the median, on their side of it; (n,) float64, negative below it."""
        distance = values - self.median
        return distance / np.where(distance < 0, self.below, self.above)


@dataclass(frozen=True)
class Feature:
    """What components of a class are compared by.

    Args:
        name: in words
        least: the smallest deviation that is told apart
        values: (n,) float64
    """

    name: str
    least: float
    values: np.ndarray


def features(rows: np.ndarray, heights: np.ndarray, widths: np.ndarray) -> Sequence[Feature]:
    """What components are compared by: size, place and shape.

    Args:
        rows: (n,) components of a class, of `mask_components.ROW`
        heights: (n,) of their masks in pixels
        widths: (n,) likewise
    """
    x, y = rows["centre"].T.astype(np.float64)
    box = rows["box"].astype(np.float64)
    slender = np.maximum(1, rows["length"] / np.maximum(rows["width"], 1e-6)).astype(np.float64)
    return (
        Feature(SIZE, 0.25, np.log(rows["area"] / (heights * widths))),
        Feature(ROW, 0.05, (y + 0.5) / heights),
        Feature(COLUMN, 0.05, (x + 0.5) / widths),
        Feature(ELONGATION, 0.1, np.log(slender)),
        Feature(EXTENT, 0.05, rows["area"] / (box[:, 2] * box[:, 3])),
    )
