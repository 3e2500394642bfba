"""What is found of samples, as columns: which a run has, and their values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .config import SCORES

#: A run's quality is the first of these scores that a run has: by AUROC over planted errors, softmin is the best of
#: the paper's seven on average, and of the two that need no probabilities CCP is
QUALITY_ORDER = ("evidence", "softmin", "clc", "ccp", "tccp", "cil", "coco", "iou")
#: Columns beside those of scores
OTHERS = ("fold", "prediction", "heatmap", "flags", "per_class")


@dataclass(frozen=True)
class Columns:
    """Which fields a run writes.

    Args:
        scores: names of image scores; with at least one there is a ``quality`` too
        others: any of ``fold``, ``prediction``, ``heatmap``, ``flags``, ``per_class``
    """

    scores: tuple[str, ...] = ()
    others: tuple[str, ...] = ()

    @property
    def quality(self) -> str | None:
        """The score that ``quality`` equals, or None where there is no score."""
        return next((score for score in QUALITY_ORDER if score in self.scores), None)

    def suffixes(self) -> tuple[str, ...]:
        """The field names less ``<key>_``, the one to sort by first."""
        quality = ("quality",) if self.quality else ()
        return (*quality, *(s for s in SCORES if s in self.scores), *(o for o in OTHERS if o in self.others))


@dataclass(frozen=True)
class ResultRows:
    """Results of some samples, column by column, in the same order; also columns that the run does not want.

    Args:
        ids: sample ids, n of them
        scores: score name to (n,) floats; NaN is written as None
        others: ``fold`` to n ints or None; ``prediction``, ``heatmap``, ``flags`` to n file paths or None
        per_class: ``softmin``, ``ccp``, ``cil``, ``iou`` to (n, K) floats, NaN for a class that the mask does not show
        class_pixels: (n, K) pixels of each class in the given mask, where there is ``per_class``
    """

    ids: Sequence[str]
    scores: Mapping[str, np.ndarray] = field(default_factory=dict)
    others: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    per_class: Mapping[str, np.ndarray] = field(default_factory=dict)
    class_pixels: np.ndarray | None = None

    @classmethod
    def joined(cls, parts: Sequence[ResultRows]) -> ResultRows:
        """The rows of parts that have the same columns, in order."""
        first, pixels = parts[0], [part.class_pixels for part in parts if part.class_pixels is not None]
        return cls(
            ids=_joined(part.ids for part in parts),
            scores={name: np.concatenate([part.scores[name] for part in parts]) for name in first.scores},
            others={name: _joined(part.others[name] for part in parts) for name in first.others},
            per_class={name: np.concatenate([part.per_class[name] for part in parts]) for name in first.per_class},
            class_pixels=np.concatenate(pixels) if pixels else None,
        )


def _joined(parts: Iterable[Sequence[Any]]) -> list[Any]:
    return [one for part in parts for one in part]
