"""What operators on the files of a scored run have in common: which run, and a call from Python; no model is needed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..plugin.base.parameters import table
from ..plugin.parameters import PARAMETERS
from ..plugin.records.run_record import RunRecord, list_records
from ..plugin.runs.request import SuspectRequest
from ..plugin.samples.private_fiftyone import root_of
from .execution import EngineOperator
from .form.forms import Form, run_labels
from .form.parameters import to_arguments, to_request


class ScoredRunOperator(EngineOperator):
    """An operator that works anew on what a run with scores keeps."""

    def __call__(
        self,
        sample_collection: Any,
        key: str = SuspectRequest.key,
        delegate: bool = False,
        progress: bool = True,
        **params: Any,
    ) -> Any:
        """Does the work from what the run keeps in its files.

        Args:
            sample_collection: the dataset, or a view of it
            key: the run's key
            delegate: queue the work for ``fiftyone delegated launch`` instead of doing it now
            progress: draw progress bars
            **params: those of the function of the operator's name, such as ``skip_failures`` and ``overwrite``

        Returns:
            FiftyOne's ``ExecutionResult``; its ``result`` says what was found
        """
        request = to_request({"key": key, **params}, PARAMETERS[self.operator_name])
        return self.call({"dataset": root_of(sample_collection)}, request, delegate, progress)

    def resolve_run_name(self, ctx: Any) -> str:
        """The run's name in the list of delegated operations."""
        return f"{self.title}: {ctx.params.get('key') or ''}"

    def choose_run(self, form: Form, dataset: Any) -> RunRecord | None:
        """Asks for the run, the latest unless another is chosen; without any the form says what to do."""
        runs = _scored_runs(dataset)
        if not runs:
            form.fail("key", "There are no scored runs yet: audit this dataset first.")
            return None
        labels = run_labels(runs)
        key = form.choice("key", table(SuspectRequest)["key"].label, labels, default=runs[-1].key)
        return next((run for run in runs if run.key == key), None)

    def arguments(self, ctx: Any) -> Mapping[str, Any]:
        """What the form, the Python call or the delegated run gave, and the key of the run."""
        given = to_arguments(ctx.params, PARAMETERS[self.operator_name])
        return {**given, "key": given.get("key") or _scored_runs(ctx.dataset)[-1].key}


def _scored_runs(dataset: Any) -> list[RunRecord]:
    """The dataset's runs that have scores, the oldest first."""
    return [run for run in list_records(dataset) if f"{run.key}_quality" in run.fields]
