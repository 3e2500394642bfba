"""What a search for suspects has found, shard by shard: rated, cut, and counted up over the dataset."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..labels.class_table import ClassTable
from ..samples.failures import LeftOut
from ..suspects.class_effects import ClassEffect, class_effects
from ..suspects.issues import Group, GroupTally, find_groups
from ..suspects.probability import Rates
from ..suspects.regions import DROP, KINDS

#: What is kept of each region in an array; its kind is in a list
_ARRAYS = (
    "given",
    "suggested",
    "evidence",
    "area",
    "confidence",
    "box",
    "numbers",
    "log_odds",
    "features",
    "similarity",
    "descriptors",
)


def numbered(row: dict[str, Any]) -> dict[str, Any]:
    """A shard's results with the number of each region in its image, by which its mask is filed."""
    return {**row, "numbers": np.concatenate([np.zeros(0, np.int64), *map(np.arange, row["counts"].tolist())])}


def each_id(row: dict[str, Any]) -> list[str]:
    """The sample of each region of a shard's results."""
    return np.repeat(np.array(row["ids"], object), row["counts"]).tolist()


def drops(row: dict[str, Any]) -> np.ndarray:
    """(n,) bool, which regions of a shard's results are drops."""
    return np.array([kind == DROP for kind in row["kind"]], bool)


def rated(row: dict[str, Any], rates: Rates, least: float) -> dict[str, Any]:
    """A shard's results with the probability of each region, without those that are less probable than ``least``.

    Args:
        row: as `numbered` gives it
        rates: of mistakes among the dataset's suspects
        least: probability, in [0, 1]

    Returns:
        the results, in each image the most probable region first
    """
    probability = rates.probabilities(row["log_odds"], drops(row))
    image = np.repeat(np.arange(len(row["counts"])), row["counts"])
    order = np.lexsort((-row["evidence"], -probability, image))
    order = order[probability[order] >= least]
    arrays = {name: row[name][order] for name in _ARRAYS}
    return {
        **row,
        **arrays,
        "kind": [row["kind"][place] for place in order.tolist()],
        "probability": probability[order],
        "counts": np.bincount(image[order], minlength=len(row["counts"])),
        "candidates": len(probability),
    }


def packed(masks: Sequence[np.ndarray]) -> np.ndarray:
    """(h, w) bool masks as one array of uint8, eight pixels in each; a mask begins a new one."""
    return np.concatenate([np.zeros(0, np.uint8), *map(np.packbits, masks)])


def unpacked(masks: np.ndarray, boxes: np.ndarray) -> Iterator[np.ndarray]:
    """The masks that `packed` was given.

    Args:
        masks: as `packed` gives them
        boxes: (n, 4) left, top, width and height of each in pixels

    Yields:
        (height, width) bool
    """
    start = 0
    for width, height in boxes[:, 2:].tolist():
        end = start + -(-width * height // 8)
        yield np.unpackbits(masks[start:end], count=width * height).reshape(height, width).astype(bool)
        start = end


@dataclass
class Findings:
    """What a search has found, counted up; memory is that of the pairs of classes.

    Args:
        table: the classes
        tally: the regions by pair of classes
        class_pixels: (K,) int64 pixels given each class
        class_images: (K,) int64 images that show it
        by_type: regions of each type of error
        images: images with a region
        regions: all regions
        large: regions that cover more than half of their image
        candidates: regions before the improbable ones were left out
        least: probability of a suspect
        expected: the sum of the regions' probabilities; None where they have none
        failures: samples that could not be searched
    """

    table: ClassTable
    tally: GroupTally
    class_pixels: np.ndarray
    class_images: np.ndarray
    by_type: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    images: int = 0
    regions: int = 0
    large: int = 0
    candidates: int = 0
    least: float = 0.0
    expected: float | None = None
    failures: list[LeftOut] = field(default_factory=list)

    def add(self, row: dict[str, Any]) -> None:
        """Counts a shard's results."""
        ends = row["counts"].cumsum().tolist()
        for start, end in zip([0, *ends], ends, strict=False):
            columns = [
                row[name][start:end]
                for name in ("given", "suggested", "area", "evidence", "probability")
                if name in row
            ]
            self.tally.update(*columns)
        self.class_pixels += row["class_pixels"]
        self.class_images += row["class_images"]
        for kind in row["kind"]:
            self.by_type[kind] += 1
        self.images += int((row["counts"] > 0).sum())
        self.regions += int(row["counts"].sum())
        self.candidates += row.get("candidates", int(row["counts"].sum()))
        if "probability" in row:
            self.expected = (self.expected or 0.0) + float(row["probability"].sum())
        self.large += int((2 * row["area"] > row["sizes"].prod(axis=1).repeat(row["counts"])).sum())

    @property
    def notes(self) -> list[str]:
        """Sentences on the suspects that the user must know."""
        notes = []
        if self.table.unlabelled is None:
            notes.append(
                "No unlabelled class is known, so no suspect can be a Drop; `unlabelled` names it where there is one."
            )
        if self.candidates and not self.regions:
            notes.append(
                f"None of the {self.candidates} places where the predictions contradict the masks is a mistake of the "
                f"mask with a probability of at least {self.least:g}; a lower `min_probability` shows them."
            )
        if self.large:
            one = self.large == 1
            notes.append(
                f"{self.large} suspect{'' if one else 's'} cover{'s' if one else ''} more than half of "
                f"{'its' if one else 'their'} image: the whole mask may be wrong there, or the predictions."
            )
        if self.failures:
            one = len(self.failures) == 1
            notes.append(
                f"{len(self.failures)} of the samples could not be searched for suspects and {'has' if one else 'have'}"
                " none."
            )
        return notes

    def issues(self) -> list[Group]:
        """The regions by given and suggested class, the most expected mistakes first."""
        return find_groups(
            self.tally,
            self.class_pixels,
            self.class_images,
            self.table.names,
            unlabelled=self.table.unlabelled,
            rated=self.expected is not None,
        )

    def classes(self) -> list[ClassEffect]:
        """Each class before and after all suggestions."""
        return class_effects(self.tally, self.class_pixels, self.table.names)
