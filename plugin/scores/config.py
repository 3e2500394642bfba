"""The scores' parameters: which scores, and the choices that the paper leaves open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..base.config import Config, require

#: The seven methods of the paper, in its order, and class-pair evidence; each is the field ``<key>_<name>``
SCORES = ("ccp", "tccp", "cil", "clc", "iou", "coco", "softmin", "evidence")
#: The scores that need no probabilities, only a predicted class per pixel
LABEL_ONLY_SCORES = ("ccp", "iou")
#: The scores that are also given per given class
PER_CLASS_SCORES = ("ccp", "cil", "softmin", "iou")
DEFAULT_THRESHOLDS = tuple(round(0.05 * step, 2) for step in range(1, 20))


@dataclass(frozen=True)
class ScoreConfig(Config):
    """Which scores, and the choices that the paper leaves open.

    Args:
        scores: any subset of `SCORES`
        temperature: of softmin; smaller is closer to the minimum
        thresholds: of thresholded CCP, each in (0, 1)
        pooling: side of the blocks that CLC and CoCo pool over; 1 for full resolution
        clc_rule: which pixels confident learning flags: ``cleanlab`` (as many of the lowest as are confidently of
            another class, which ranks images better by AUROC and AUPRC for all three kinds of planted errors) or
            ``joint`` (off-diagonal of the confident joint)
        coco_average: ``components``, or ``classes`` to average within each given class first
        per_class: also write CCP, CIL, softmin and IoU per given class
        workers: threads that decode, score and write; None for one a core
    """

    execution_only: ClassVar[tuple[str, ...]] = ("workers",)

    scores: tuple[str, ...] = SCORES
    temperature: float = 0.1
    thresholds: tuple[float, ...] = DEFAULT_THRESHOLDS
    pooling: int = 4
    clc_rule: str = "cleanlab"
    coco_average: str = "components"
    per_class: bool = True
    workers: int | None = None

    def validate(self) -> None:
        unknown = [score for score in self.scores if score not in SCORES]
        require(bool(self.scores) and not unknown, "scores", f"some of {', '.join(SCORES)}", list(self.scores))
        require(self.temperature > 0, "temperature", "positive", self.temperature)
        thresholds = list(self.thresholds)
        require(bool(thresholds) and all(0 < t < 1 for t in thresholds), "thresholds", "each in (0, 1)", thresholds)
        require(self.pooling >= 1, "pooling", "at least 1", self.pooling)
        require(self.clc_rule in ("joint", "cleanlab"), "clc_rule", "'joint' or 'cleanlab'", self.clc_rule)
        averages = ("components", "classes")
        require(self.coco_average in averages, "coco_average", "'components' or 'classes'", self.coco_average)
        require(self.workers is None or self.workers >= 1, "workers", "at least 1", self.workers)
