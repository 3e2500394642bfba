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

    Of confident learning, ``cleanlab`` flags as many of the lowest pixels as are confidently of another class, which
    ranks images better by AUROC and AUPRC for all three kinds of planted errors, ``joint`` the off-diagonal of the
    confident joint. ``coco_average="classes"`` averages within each given class first.
    """

    execution_only: ClassVar[tuple[str, ...]] = ("workers",)
    added: ClassVar[tuple[str, ...]] = ("displaced_edges",)

    scores: tuple[str, ...] = parameter(
        SCORES, "Which scores", f"Some of {', '.join(SCORES)}", choices=SCORES, empty="all", unit="SCORE"
    )
    temperature: float = parameter(
        0.1, "Softmin temperature", "Of softmin; smaller is closer to the minimum", within="(0, inf)", unit="T"
    )
    thresholds: tuple[float, ...] = parameter(
        DEFAULT_THRESHOLDS,
        "TCCP thresholds",
        "Of thresholded CCP, each in (0, 1)",
        empty=f"{DEFAULT_THRESHOLDS[0]}, {DEFAULT_THRESHOLDS[1]}, …, {DEFAULT_THRESHOLDS[-1]}",
        unit="T",
    )
    pooling: int = parameter(
        4, "Pooling", "Side of the blocks of CLC and CoCo; 1 for full resolution", within="[1, inf)"
    )
    clc_rule: str = parameter(
        "cleanlab",
        "Confident learning flags",
        "Which pixels confident learning flags",
        choices={
            "cleanlab": "as many of the lowest pixels (cleanlab)",
            "joint": "off the diagonal of the confident joint",
        },
    )
    coco_average: str = parameter(
        "components", "CoCo averages over", "What CoCo averages over", choices=("components", "classes")
    )
    displaced_edges: bool = parameter(
        True,
        "Look for displaced edges",
        "For `evidence`, in the pictures, too; else its order is that of version 0.2.0",
    )
    per_class: bool = parameter(True, "Also score every class of every image")
    workers: int | None = parameter(None, "Threads", "Threads that score", within="[1, inf)", empty="one a core")

    def validate(self) -> None:
        thresholds = list(self.thresholds)
        require(bool(thresholds) and all(0 < t < 1 for t in thresholds), "thresholds", "each in (0, 1)", thresholds)
