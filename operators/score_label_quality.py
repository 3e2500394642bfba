"""The operator `score_label_quality`: the second half of a run, from stored predictions."""

from __future__ import annotations

from typing import Any

from ..plugin.base.progress import Progress
from ..plugin.runs.request import Request
from .run_operator import RunOperator


class ScoreLabelQuality(RunOperator):
    """Scores given masks against predictions that `compute_predictions` has stored."""

    operator_name = "score_label_quality"
    title = "Score label quality"
    description = "Score masks, draw heatmaps and rank images from predictions computed before"
    icon = "/assets/score.svg"
    predicts = False

    def __call__(
        self,
        sample_collection: Any,
        label_field: str,
        key: str = Request.key,
        predictions: str | None = None,
        delegate: bool = False,
        progress: bool = True,
        **params: Any,
    ) -> Any:
        """Scores and writes a run.

        Args:
            sample_collection: the dataset or view
            label_field: its field with the given masks or instances
            key: the run's name and the prefix of its fields
            predictions: key of the run whose predictions to use; by default ``key``
            delegate: queue the run for ``fiftyone delegated launch`` instead of running it now
            progress: draw progress bars
            **params: others of `label_quality.score_label_quality`, such as ``scores`` or ``min_evidence``

        Returns:
            FiftyOne's ``ExecutionResult``; its ``result`` is the run's summary
        """
        given = {"predictions": predictions, **params}
        return self.run_from_python(sample_collection, label_field, key, delegate, progress, given)

    def engine(self, samples: Any, label_field: str, progress: Progress, arguments: dict[str, Any]) -> Any:
        """Scores."""
        from ..plugin.audit import score_label_quality

        return score_label_quality(samples, label_field, progress=progress, **arguments)
