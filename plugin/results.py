"""From what the passes found to what is written: which fields a run has, and their values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .config import LABEL_ONLY_SCORES, ScoreConfig
from .errors import LabelQualityError
from .fields import Columns, ResultRows
from .prediction import PredictionReader
from .scoring import Scoring

NEEDS_PROBABILITIES = "the predictions are masks without probabilities"


def columns_of(reader: PredictionReader, config: ScoreConfig, has_folds: bool) -> Columns:
    """The fields of a run.

    Args:
        reader: its predictions
        config: the scores asked for
        has_folds: whether the predictions are cross-validated

    Raises:
        LabelQualityError: none of the scores can be computed from such predictions
    """
    scores = tuple(score for score in config.scores if not reader.labels_only or score in LABEL_ONLY_SCORES)
    if not scores:
        raise LabelQualityError(
            f"None of the scores {', '.join(config.scores)} can be computed: {NEEDS_PROBABILITIES}. Ask for "
            f"{' or '.join(LABEL_ONLY_SCORES)}."
        )
    others = ["prediction", "heatmap"]
    others += ["fold"] if has_folds else []
    others += ["flags"] if "clc" in scores else []
    others += ["per_class"] if config.per_class else []
    return Columns(scores=scores, others=tuple(others))


def result_rows(scoring: Scoring, columns: Columns) -> Iterator[ResultRows]:
    """The values of a run's fields, a shard at a time."""
    store = scoring.store
    for row in scoring.rows():
        others: dict[str, list[Any]] = {
            "prediction": [str(store.file("masks", sample_id)) for sample_id in row["ids"]],
            "heatmap": [str(store.file("heatmaps", sample_id)) for sample_id in row["ids"]],
            "flags": [str(store.file("flags", sample_id)) for sample_id in row["ids"]],
            "fold": row["folds"],
        }
        yield ResultRows(
            ids=row["ids"],
            scores=row["scores"],
            others={name: others[name] for name in columns.others if name in others},
            per_class=row["per_class"],
            class_pixels=row["class_pixels"],
        )
