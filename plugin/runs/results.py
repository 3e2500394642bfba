"""Which columns a run has, and its rows in portions for writing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from ..base.errors import LabelQualityError
from ..scores.config import LABEL_ONLY_SCORES, PER_CLASS_SCORES, ScoreConfig
from ..scores.results import Columns, ResultRows
from ..store.passes import SHARD_SIZE

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


def joined(rows: Iterable[ResultRows]) -> Iterator[ResultRows]:
    """The same rows, some shards at a time."""
    remaining = iter(rows)
    while together := list(islice(remaining, _SHARDS_A_WRITE)):
        yield ResultRows.joined(together)
