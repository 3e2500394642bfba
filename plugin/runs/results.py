"""From what the passes found to what is written: which fields a run has, and their values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

import numpy as np

from ..base.errors import LabelQualityError
from ..dataset.fields import Columns, ResultRows
from ..scores.config import LABEL_ONLY_SCORES, PER_CLASS_SCORES, ScoreConfig
from ..store.passes import SHARD_SIZE
from ..store.sets import ScoreSet

NEEDS_PROBABILITIES = "the predictions are masks without probabilities"
#: Shards whose results are written together: bulk writes cost much the same whatever their size
_SHARDS_A_WRITE = max(1, 192 // SHARD_SIZE)


def columns_of(config: ScoreConfig | None, *, labels_only: bool, has_folds: bool) -> Columns:
    """The fields of a run.

    Args:
        config: the scores asked for, or None for a run of predictions alone
        labels_only: whether the predictions are masks without probabilities
        has_folds: whether the predictions are cross-validated

    Raises:
        LabelQualityError: none of the scores can be computed from such predictions
    """
    others = ["fold"] if has_folds else []
    if config is None:
        return Columns(others=(*others, "prediction"))
    scores = tuple(score for score in config.scores if not labels_only or score in LABEL_ONLY_SCORES)
    if not scores:
        raise LabelQualityError(
            f"None of the scores {', '.join(config.scores)} can be computed: {NEEDS_PROBABILITIES}. Ask for "
            f"{' or '.join(LABEL_ONLY_SCORES)}."
        )
    others += ["prediction", "heatmap"]
    others += ["flags"] if "clc" in scores else []
    others += ["per_class"] if config.per_class and set(scores) & set(PER_CLASS_SCORES) else []
    return Columns(scores=scores, others=tuple(others))


def result_rows(shards: Iterable[Mapping[str, Any]], store: ScoreSet, columns: Columns) -> Iterator[ResultRows]:
    """The values of a run's fields, some shards at a time.

    Args:
        shards: as `scoring.Scoring.rows` or `prediction_masks.PredictionMasks.rows` gives them
        store: where the images of the samples are
        columns: which fields
    """
    remaining = iter(shards)
    while together := list(islice(remaining, _SHARDS_A_WRITE)):
        ids = [sample_id for shard in together for sample_id in shard["ids"]]
        others: dict[str, list[Any]] = {
            "prediction": [str(store.file("masks", sample_id)) for sample_id in ids],
            "heatmap": [str(store.file("heatmaps", sample_id)) for sample_id in ids],
            "flags": [str(store.file("flags", sample_id)) for sample_id in ids],
            "fold": [fold for shard in together for fold in shard["folds"]],
        }
        yield ResultRows(
            ids=ids,
            scores=_joined(together, "scores"),
            others={name: others[name] for name in columns.others if name in others},
            per_class=_joined(together, "per_class"),
            class_pixels=np.concatenate([shard["class_pixels"] for shard in together]) if columns.scores else None,
        )


def _joined(shards: list[Mapping[str, Any]], group: str) -> dict[str, np.ndarray]:
    names = shards[0].get(group, {})
    return {name: np.concatenate([shard[group][name] for shard in shards]) for name in names}
