"""The operator `find_suspects`: the last step of a run again, with other thresholds; no model is needed."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import fiftyone.operators.types as types

from ..plugin.base.console import format_seconds
from ..plugin.base.database_errors import database_errors
from ..plugin.base.parameters import table
from ..plugin.base.progress import Progress
from ..plugin.dataset.run_record import RunRecord, list_records
from ..plugin.dataset.views import worst_first
from ..plugin.parameters import PARAMETERS
from ..plugin.runs.request import SuspectRequest
from ..plugin.runs.summary import FoundSuspects, RunSummary
from ..plugin.samples.private_fiftyone import root_of
from ..plugin.suspects.config import SuspectConfig
from .execution import EngineOperator
from .form.forms import Form, when
from .form.parameters import to_arguments, to_request
from .output import outputs
from .output.plain_text import plain

_LABEL = "Find suspects"
#: Of a run's timings, those of a search
_STAGES = ("Finding suspects", "Writing suspects")


class FindSuspects(EngineOperator):
    """Finds suspects and groups of a run that has scores, in place of those that it had."""

    operator_name = "find_suspects"
    title = _LABEL
    description = "Find suspects, their type of error and the class that they should be, with thresholds"
    icon = "/assets/suspects.svg"

    def __call__(
        self,
        sample_collection: Any,
        key: str = SuspectRequest.key,
        delegate: bool = False,
        progress: bool = True,
        **params: Any,
    ) -> Any:
        """Finds a run's suspects anew, from what the run keeps in its files.

        Args:
            sample_collection: the dataset, or a view of it
            key: the run's key
            delegate: queue the work for ``fiftyone delegated launch`` instead of doing it now
            progress: draw progress bars
            **params: of the suspects (`SuspectConfig`), and ``skip_failures``, ``overwrite``

        Returns:
            FiftyOne's ``ExecutionResult``; its ``result`` says what was found
        """
        request = to_request({"key": key, **params}, PARAMETERS[self.operator_name])
        return self.call({"dataset": root_of(sample_collection)}, request, delegate, progress)

    @database_errors()
    def resolve_input(self, ctx: Any) -> types.Property:
        """The choice of the run, and the thresholds."""
        form = Form(ctx)
        runs = scored_runs(ctx.dataset)
        if not runs:
            form.fail("key", "There are no scored runs yet: audit this dataset first.")
            return form.property(_LABEL, "Find")
        labels = {run.key: f"{run.key} (of {run.label_field}, {when(run)})" for run in runs}
        key = form.choice("key", table(SuspectRequest)["key"].label, labels, default=runs[-1].key)
        if form.flag("advanced", "Advanced options"):
            form.ask(SuspectConfig, *table(SuspectConfig))
            form.ask(SuspectRequest, "overwrite", "skip_failures")
        form.config(SuspectConfig, fallback="key")
        if form.valid:
            form.notice("plan", _plan(next(run for run in runs if run.key == key)))
        return form.property(_LABEL, "Find")

    def resolve_run_name(self, ctx: Any) -> str:
        """The run's name in the list of delegated operations."""
        return f"{_LABEL}: {ctx.params.get('key') or ''}"

    def run(self, ctx: Any, progress: Progress) -> dict[str, Any]:
        """Finds the suspects with what the form, the Python call or the delegated run gave."""
        from ..plugin.audit import find_suspects

        started = time.monotonic()
        arguments = to_arguments(ctx.params, PARAMETERS[self.operator_name])
        key = arguments.pop("key", None) or scored_runs(ctx.dataset)[-1].key
        summary = find_suspects(ctx.dataset, key=key, progress=progress, **arguments)
        return summarise(summary, time.monotonic() - started)

    def message(self, summary: Mapping[str, Any]) -> str:
        """The notification at the end."""
        return outputs.suspects_message(summary["key"], summary["scored"], summary)

    def output(self, summary: Mapping[str, Any]) -> types.Property:
        """What was found, and the leading groups."""
        shown = types.Object()
        shown.view(
            "message", types.Notice(label=plain(f"{self.message(summary)} ({format_seconds(summary['seconds'])})"))
        )
        outputs.group_table(shown, summary["groups"])
        outputs.warnings(shown, [*summary["notes"], *outputs.left_out(summary["failures"])])
        return types.Property(shown, view=types.View(label=_LABEL))

    def shown(self, ctx: Any, summary: Mapping[str, Any]) -> Any:
        """The ranking, on whose images the regions are."""
        return worst_first(ctx.dataset, summary["key"])


def summarise(summary: RunSummary, seconds: float) -> dict[str, Any]:
    """A summary as JSON-serialisable values.

    Args:
        summary: of the run
        seconds: that finding its suspects took
    """
    found = summary.suspects or FoundSuspects()
    return {
        "key": summary.key,
        "scored": int(summary.scored),
        "failures": list(summary.failures),
        "seconds": float(seconds),
        **outputs.summarise_suspects(found),
        "groups": outputs.group_rows(found),
    }


def scored_runs(dataset: Any) -> list[RunRecord]:
    """The dataset's runs that have scores, the oldest first."""
    return [run for run in list_records(dataset) if f"{run.key}_quality" in run.fields]


def _plan(run: RunRecord) -> str:
    again = ", in place of those found before" if run.suspects is not None else ""
    seconds = sum(run.timings.get(stage, 0.0) for stage in _STAGES)
    earlier = f" The search before took {format_seconds(seconds)}." if seconds else ""
    return f"{run.scored:,} images will be searched from the files of run '{run.key}'{again}; no model runs.{earlier}"
