"""The scores' parameters: which scores, and the choices that the paper leaves open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..base.config import Config
from ..base.parameters import parameter, require

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
            another class, which ranks images better by AUROC and AUPRC for all three kinds of injected errors) or
            ``joint`` (off-diagonal of the confident joint)
        coco_average: ``components``, or ``classes`` to average within each given class first
        per_class: also write CCP, CIL, softmin and IoU per given class
        workers: threads that decode, score and write; None for one a core
    """

    execution_only: ClassVar[tuple[str, ...]] = ("workers",)

    scores: tuple[str, ...] = parameter(
        SCORES, f"Some of {', '.join(SCORES)}", label="Which scores", choices=SCORES, empty="all", unit="SCORE"
    )
    temperature: float = parameter(
        0.1, "Of softmin; smaller is closer to the minimum", label="Softmin temperature", within="(0, inf)", unit="T"
    )
    thresholds: tuple[float, ...] = parameter(
        DEFAULT_THRESHOLDS,
        "Of thresholded CCP, each in (0, 1)",
        label="TCCP thresholds",
        empty=f"{DEFAULT_THRESHOLDS[0]}, {DEFAULT_THRESHOLDS[1]}, …, {DEFAULT_THRESHOLDS[-1]}",
        unit="T",
    )
    pooling: int = parameter(
        4, "Side of the blocks of CLC and CoCo; 1 for full resolution", label="Pooling", within="[1, inf)"
    )
    clc_rule: str = parameter(
        "cleanlab",
        "Which pixels confident learning flags",
        label="Confident learning flags",
        choices={
            "cleanlab": "as many of the lowest pixels (cleanlab)",
            "joint": "off the diagonal of the confident joint",
        },
    )
    coco_average: str = parameter(
        "components", "What CoCo averages over", label="CoCo averages over", choices=("components", "classes")
    )
    per_class: bool = parameter(True, "", label="Also score every class of every image")
    workers: int | None = parameter(None, "Threads that score", label="Threads", within="[1, inf)", empty="one a core")

    def validate(self) -> None:
        thresholds = list(self.thresholds)
        require(bool(thresholds) and all(0 < t < 1 for t in thresholds), "thresholds", "each in (0, 1)", thresholds)
