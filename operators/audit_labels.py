"""The operator `audit_labels`: predictions and scores in one run."""

from __future__ import annotations

from typing import Any

import fiftyone.operators.types as types

from ..plugin.base.progress import Progress
from ..plugin.runs.request import Request, Stages
from .run_operator import RunOperator


class AuditLabels(RunOperator):
    """Ranks the samples of a segmentation dataset by how likely their masks are wrong."""

    operator_name = "audit_labels"
    title = "Audit segmentation labels"
    description = "Rank images by how likely their masks are wrong, and show where"
    icon = "/assets/audit.svg"

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
        """Predicts, scores and writes a run.

        Args:
            sample_collection: the dataset or view
            label_field: its field with the given masks or instances
            key: the run's name and the prefix of its fields
            source: ``cross_validation``, ``model`` or ``files``
            delegate: queue the run for ``fiftyone delegated launch`` instead of running it now
            progress: draw progress bars
            **params: others of `label_quality.audit_labels`, such as ``folds``, ``field`` or ``min_evidence``

        Returns:
            FiftyOne's ``ExecutionResult``; its ``result`` is the run's summary
        """
        given = {"source": source, **params}
        return self.run_from_python(sample_collection, label_field, key, delegate, progress, given)

    def resolve_placement(self, ctx: Any) -> types.Placement:
        """A button in the toolbar above the grid."""
        button = types.Button(label=self.title, icon=self.icon, prompt=True)
        return types.Placement(types.Places.SAMPLES_GRID_SECONDARY_ACTIONS, button)

    def engine(self, samples: Any, label_field: str, progress: Progress, arguments: dict[str, Any]) -> Any:
        """Predicts and scores."""
        from ..plugin.audit import audit_labels

        return audit_labels(samples, label_field, progress=progress, **arguments)
