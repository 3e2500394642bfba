"""A run at a glance, for the panel: distributions of its scores, its worst images, and what is probably wrong.

Everything is counted up while the run's results are written, in memory of some numbers a score and a short list, and is
kept in the run's record: the panel opens as fast with a hundred thousand images as with ten.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

#: Equal steps of a histogram over [0, 1]
BINS = 50
#: Worst images kept by name
LISTED_WORST = 100
_EDGES = np.linspace(0.0, 1.0, BINS + 1)


def bin_range(first: int, last: int | None = None) -> tuple[float, float]:
    """The scores of some neighbouring bins: from the first value, up to but without the second unless that is 1.

    Args:
        first: index of the lowest bin
        last: index of the highest one, or None for ``first`` alone
    """
    return float(_EDGES[first]), float(_EDGES[(first if last is None else last) + 1])


class ScoreOverview:
    """Distributions of the scores, and the worst images, as they accumulate.

    Args:
        quality: the score that ranks the images, or None where there is none
        listed: how many of the worst images are kept
    """

    def __init__(self, quality: str | None, listed: int = LISTED_WORST) -> None:
        self.quality = quality
        self._listed = listed
        self._scores: dict[str, _Distribution] = {}
        #: The worst images by (quality, place in the run), negated: a heap whose first is the least bad
        self._worst: list[tuple[float, int, str]] = []
        self._images = 0

    def update(self, ids: Sequence[str], scores: Mapping[str, np.ndarray]) -> None:
        """Adds some images.

        Args:
            ids: n sample ids
            scores: score name to (n,) floats in [0, 1]; NaN where an image has none
        """
        for name, values in scores.items():
            self._scores.setdefault(name, _Distribution()).update(np.asarray(values, np.float64))
        if self.quality is not None:
            for place, (sample_id, value) in enumerate(zip(ids, scores[self.quality], strict=True), self._images):
                self._rank(sample_id, float(value), place)
        self._images += len(ids)

    @property
    def worst(self) -> list[tuple[str, float]]:
        """Id and quality of the worst images, worst first; of equals the earlier one first."""
        return [(sample_id, -value) for value, _, sample_id in sorted(self._worst, reverse=True)]

    def to_dict(self, filepaths: Mapping[str, str]) -> dict[str, Any]:
        """The overview as values of strict JSON.

        Args:
            filepaths: of the worst images, by id
        """
        return {
            "quality": self.quality,
            "scores": {name: distribution.to_dict() for name, distribution in self._scores.items()},
            "worst": [
                {"id": sample_id, "filepath": filepaths.get(sample_id, ""), "quality": value}
                for sample_id, value in self.worst
            ],
        }

    def _rank(self, sample_id: str, value: float, place: int) -> None:
        if math.isnan(value):
            return
        entry = (-value, -place, sample_id)
        if len(self._worst) < self._listed:
            heapq.heappush(self._worst, entry)
        else:
            heapq.heappushpop(self._worst, entry)


class SuspectOverview:
    """Images by their leading type of error, and the leading suspect of the worst images, as they accumulate.

    Args:
        names: of the K classes
        listed: ids of the images whose leading suspect is kept
    """

    def __init__(self, names: Sequence[str], listed: Iterable[str]) -> None:
        self._names = names
        self._listed = set(listed)
        self._images: dict[str, int] = {}
        self._leading: dict[str, dict[str, Any]] = {}

    def update(self, sample_id: str, kind: str, given: np.ndarray, suggested: np.ndarray, evidence: np.ndarray) -> None:
        """Adds an image.

        Args:
            sample_id: the image
            kind: its leading type of error
            given: (n,) class indices of its regions
            suggested: (n,) class indices
            evidence: (n,) nats
        """
        self._images[kind] = self._images.get(kind, 0) + 1
        if sample_id in self._listed:
            self._leading[sample_id] = {"error_type": kind, **self._strongest(given, suggested, evidence)}

    def add_to(self, overview: dict[str, Any]) -> None:
        """Writes what was found into what `ScoreOverview.to_dict` gave, in place of earlier suspects."""
        overview["images_by_type"] = dict(self._images)
        overview["worst"] = [
            {name: one[name] for name in ("id", "filepath", "quality")} | self._leading.get(one["id"], {})
            for one in overview.get("worst", [])
        ]

    def _strongest(self, given: np.ndarray, suggested: np.ndarray, evidence: np.ndarray) -> dict[str, Any]:
        if not len(evidence):
            return {}
        row = int(np.argmax(evidence))
        return {"given": self._names[int(given[row])], "suggested": self._names[int(suggested[row])]}


@dataclass(frozen=True)
class Estimates:
    """How much of a dataset is probably wrong, by what a run has found.

    Two ways to count, neither of which includes the other: confident learning flags single pixels, blurred edges and
    noise among them; a suspect region is a connected piece of evidence, large enough to be a mistake, and all of it
    counts.

    Args:
        images: that were scored
        suspect_images: with at least one suspect region; None where suspects were not looked for
        pixels: of the given masks that take part; None where not counted
        suspect_pixels: in suspect regions; None where suspects were not looked for
        suspect_share: of the pixels in suspect regions, in [0, 1]; None where suspects were not looked for
        flagged_share: of the pixels that confident learning flags, in [0, 1]; None where it did not run
    """

    images: int
    suspect_images: int | None = None
    pixels: int | None = None
    suspect_pixels: int | None = None
    suspect_share: float | None = None
    flagged_share: float | None = None

    @property
    def flagged_pixels(self) -> int | None:
        """Pixels that confident learning flags, from its share of the pooled ones; None where not known."""
        if self.flagged_share is None or self.pixels is None:
            return None
        return round(self.flagged_share * self.pixels)


def estimates(images: int, extra: Mapping[str, Any]) -> Estimates:
    """What a run's record says of how much is wrong.

    Args:
        images: that were scored
        extra: the record's extra values
    """
    pooled = extra.get("pooled_pixels") or 0
    flagged = extra["flagged_pixels"] / pooled if pooled else None
    classes = extra.get("classes")
    if not classes:
        return Estimates(images, flagged_share=flagged)
    pixels = sum(one["pixels_before"] for one in classes)
    suspected = sum(one["suspected_pixels"] for one in classes)
    return Estimates(
        images=images,
        suspect_images=extra.get("suspects", {}).get("images", 0),
        pixels=pixels,
        suspect_pixels=suspected,
        suspect_share=suspected / pixels if pixels else None,
        flagged_share=flagged,
    )


@dataclass
class _Distribution:
    """A score over the images.

    Args:
        counts: (BINS,) int64 images by score
        total: sum of the scores
        lowest: the smallest; inf where there is none
    """

    counts: np.ndarray = field(default_factory=lambda: np.zeros(BINS, np.int64))
    total: float = 0.0
    lowest: float = math.inf

    def update(self, values: np.ndarray) -> None:
        values = values[~np.isnan(values)].clip(0.0, 1.0)
        if values.size:
            self.counts += np.histogram(values, bins=_EDGES)[0]
            self.total = math.fsum([self.total, *values.tolist()])
            self.lowest = min(self.lowest, float(values.min()))

    def to_dict(self) -> dict[str, Any]:
        images = int(self.counts.sum())
        known = {"mean": self.total / images, "lowest": self.lowest} if images else {"mean": None, "lowest": None}
        return {"images": images, **known, "histogram": self.counts.tolist()}
