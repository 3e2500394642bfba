"""The operator `compute_predictions`: the first half of a run, which takes the time."""

from __future__ import annotations

from typing import Any

from ..plugin.base.progress import Progress
from ..plugin.runs.request import Request, Stages
from .run_operator import RunOperator


class ComputePredictions(RunOperator):
    """Makes out-of-sample predictions and stores them, for any number of scorings."""

    operator_name = "compute_predictions"
    title = "Compute out-of-sample predictions"
    description = "Predict every image by a model that has not seen it, and store the predictions for scoring"
    icon = "/assets/predict.svg"
    scores = False

    def __call__(
        self,
        sample_collection: Any,
        label_field: str,
        key: str = Request.key,
        source: str = Stages.source,
        delegate: bool = False,
        progress: bool = True,
        **params: Any,
    ) -> Any:
        """Predicts and stores.

        Args:
            sample_collection: the dataset or view
            label_field: its field with the given masks or instances
            key: the run's name
            source: ``cross_validation``, ``model`` or ``files``
            delegate: queue the run for ``fiftyone delegated launch`` instead of running it now
            progress: draw progress bars
            **params: others of `label_quality.compute_predictions`, such as ``folds`` or ``field``

        Returns:
            FiftyOne's ``ExecutionResult``; its ``result`` is the run's summary
        """
        given = {"source": source, **params}
        return self.run_from_python(sample_collection, label_field, key, delegate, progress, given)

    def engine(self, samples: Any, label_field: str, progress: Progress, arguments: dict[str, Any]) -> Any:
        """Predicts."""
        from ..plugin.audit import compute_predictions

        return compute_predictions(samples, label_field, progress=progress, **arguments)
