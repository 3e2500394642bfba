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
from ..plugin.dataset.views import worst_first
from ..plugin.records.run_record import RunRecord
from ..plugin.runs.request import SuspectRequest
from ..plugin.runs.summary import FoundSuspects, RunSummary
from ..plugin.suspects.config import SuspectConfig
from .form.forms import Form
from .form.score import execution
from .output import outputs
from .output.plain_text import plain
from .scored_run import ScoredRunOperator

_LABEL = "Find suspects"
#: Of a run's timings, those of a search
_STAGES = ("Finding suspects", "Writing suspects")


class FindSuspects(ScoredRunOperator):
    """Finds suspects and groups of a run that has scores, in place of those that it had."""

    operator_name = "find_suspects"
    title = _LABEL
    description = "Find suspects, their type of error and the class that they should be, with thresholds"
    icon = "/assets/suspects.svg"

    @database_errors()
    def resolve_input(self, ctx: Any) -> types.Property:
        """The choice of the run, and the thresholds."""
        form = Form(ctx)
        run = self.choose_run(form, ctx.dataset)
        if run is None:
            return form.property(_LABEL, "Find")
        if form.flag("advanced", "Advanced options"):
            form.ask(SuspectConfig, *table(SuspectConfig))
            form.ask(SuspectRequest, "overwrite", "skip_failures")
            execution(form)
        form.config(SuspectConfig, fallback="key")
        if form.valid:
            form.notice("plan", _plan(run))
        return form.property(_LABEL, "Find")

    def run(self, ctx: Any, progress: Progress) -> dict[str, Any]:
        """Finds the suspects with what the form, the Python call or the delegated run gave."""
        from ..plugin.audit import find_suspects

        started = time.monotonic()
        summary = find_suspects(ctx.dataset, progress=progress, **self.arguments(ctx))
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


def _plan(run: RunRecord) -> str:
    again = ", in place of those found before" if run.suspects is not None else ""
    seconds = sum(run.timings.get(stage, 0.0) for stage in _STAGES)
    earlier = f" The search before took {format_seconds(seconds)}." if seconds else ""
    return f"{run.scored:,} images will be searched from the files of run '{run.key}'{again}; no model runs.{earlier}"
