"""The operator `estimate_errors`: how many errors there are, from verdicts on what is drawn at random."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import fiftyone.operators.types as types

from ..plugin.base.database_errors import database_errors
from ..plugin.base.progress import Progress
from ..plugin.dataset.judging_views import places_to_judge
from ..plugin.dataset.views import worst_first
from ..plugin.estimate.config import EstimateConfig
from ..plugin.records.run_record import RunRecord
from ..plugin.runs.request import EstimateRequest
from ..plugin.survey.estimate_text import class_rows, estimate_rows, issue_rows, progress_sentence
from .form.forms import Form
from .output import outputs
from .output.plain_text import plain
from .scored_run import ScoredRunOperator

_LABEL = "Estimate errors"


class EstimateErrors(ScoredRunOperator):
    """Draws what is to be judged, and estimates from the verdicts how many errors there are, and how many are left."""

    operator_name = "estimate_errors"
    title = _LABEL
    description = "Estimate how many errors the masks have, and how many are left, from verdicts on a few places"
    icon = "/assets/estimate.svg"

    @database_errors()
    def resolve_input(self, ctx: Any) -> types.Property:
        """The choice of the run, and how much is judged."""
        form = Form(ctx)
        run = self.choose_run(form, ctx.dataset)
        if run is None:
            return form.property(_LABEL, "Estimate")
        for name, drawn in _drawn(run).items():
            form.ask(EstimateConfig, name, **drawn)
        if form.flag("advanced", "Advanced options"):
            form.ask(EstimateConfig, "precision", "min_error", "seed")
            form.ask(EstimateRequest, "overwrite", "skip_failures")
        form.config(EstimateConfig, fallback="key")
        if form.valid and form.value("overwrite") and run.sample is not None:
            form.warning("plan", "What was drawn before is taken away, and the verdicts on it are lost.")
        elif form.valid:
            form.notice("plan", _plan(run))
        return form.property(_LABEL, "Estimate")

    def run(self, ctx: Any, progress: Progress) -> dict[str, Any]:
        """Draws or estimates, with what the form, the Python call or the delegated run gave."""
        from ..plugin.survey.estimate_errors import estimate_errors

        arguments = dict(self.arguments(ctx))
        found = estimate_errors(ctx.dataset, arguments.pop("key"), progress=progress, **arguments)
        return {
            **found.to_dict(),
            "message": progress_sentence(found),
            "rows": [{"what": what, "value": value} for what, value in estimate_rows(found)],
            "issue_rows": [dict(zip(_ISSUE_COLUMNS, row, strict=True)) for row in issue_rows(found)],
            "class_rows": [dict(zip(_CLASS_COLUMNS, row, strict=True)) for row in class_rows(found)],
        }

    def message(self, summary: Mapping[str, Any]) -> str:
        """The notification at the end."""
        return str(summary["message"])

    def output(self, summary: Mapping[str, Any]) -> types.Property:
        """The estimates with their intervals, and those of each issue and each class."""
        shown = types.Object()
        shown.view("message", types.Notice(label=plain(self.message(summary))))
        if summary["rows"]:
            outputs.table(shown, "rows", {"what": "Estimate", "value": "With its 95 % interval"}, "In all")
        if summary["issue_rows"]:
            outputs.table(shown, "issue_rows", _ISSUE_COLUMNS, "By issue, with 95 % intervals")
        if summary["class_rows"]:
            outputs.table(shown, "class_rows", _CLASS_COLUMNS, "By class, with 95 % intervals")
        outputs.warnings(shown, summary["notes"])
        return types.Property(shown, view=types.View(label=_LABEL))

    def shown(self, ctx: Any, summary: Mapping[str, Any]) -> Any:
        """What is to be judged; where all is, the images in place of a view that has no more of it."""
        left = places_to_judge(ctx.dataset, summary["key"])
        if len(left):
            return left
        return None if len(ctx.view) else worst_first(ctx.dataset, summary["key"])


_ISSUE_COLUMNS = {"issue": "Issue", "open": "Not reviewed", "judged": "Judged", "real": "Really mistakes"}
_CLASS_COLUMNS = {"name": "Class", "pixels": "Pixels", "wrong": "Truly another class", "missed": "Missed"}


def _drawn(run: RunRecord) -> dict[str, dict[str, int]]:
    """How much is judged by default: as much as is drawn, where something is, so that nothing is drawn unasked."""
    sample, places = run.sample, {"verdicts": "places", "suspects": "suspects", "images": "images"}
    return {name: {} if sample is None else {"default": getattr(sample, part).shown} for name, part in places.items()}


def _plan(run: RunRecord) -> str:
    if run.sample is None:
        return (
            f"Places in {run.scored:,} images are drawn, and shown in the grid: judge them by the keys y and n, and "
            "come back here for the estimate."
        )
    return "What is drawn already stays, with its verdicts; the estimate is made from those that there are."
