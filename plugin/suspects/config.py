"""The parameters of the search for suspect regions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..base.config import Config, require


@dataclass(frozen=True)
class SuspectConfig(Config):
    """Which regions of an image are suspects.

    Sizes are shares of the image's pixels that take part, so that neither its resolution nor what is ignored matters.

    Args:
        min_evidence: the least evidence of all of an image's regions of the same two classes, summed over their pixels,
            in nats per pixel that takes part; each has at least a fifth of it. 0.0075 is 0.3 % of the image that the
            model contradicts by 90 to 5 percent, or 3.6 % of it by 60 to 30 percent
        min_area: the least share of the image's pixels that take part that a region covers
        max_regions: at most so many of an image, those of the most evidence; None for all
        workers: threads that search; None for one a core
    """

    execution_only: ClassVar[tuple[str, ...]] = ("workers",)

    min_evidence: float = 0.0075
    min_area: float = 0.001
    max_regions: int | None = 50
    workers: int | None = None

    def validate(self) -> None:
        require(self.min_evidence >= 0, "min_evidence", "at least 0", self.min_evidence)
        require(0 <= self.min_area <= 1, "min_area", "in [0, 1]", self.min_area)
        some = self.max_regions is None or self.max_regions >= 1
        require(some, "max_regions", "at least 1, or None for all", self.max_regions)
        require(self.workers is None or self.workers >= 1, "workers", "at least 1", self.workers)
