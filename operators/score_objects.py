"""The operator `score_objects`: which annotated objects of a scored run are probably wrong; no model is needed."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import fiftyone.operators.types as types

from ..plugin.base.console import format_seconds
from ..plugin.base.database_errors import database_errors
from ..plugin.base.progress import Progress
from ..plugin.base.words import count
from ..plugin.dataset.views import worst_objects
from ..plugin.objects.config import ObjectConfig
from ..plugin.records.run_record import RunRecord
from ..plugin.runs.request import ObjectRequest
from ..plugin.runs.summary import ScoredObjects
from .form.forms import Form
from .form.score import execution
from .output import outputs
from .output.plain_text import plain
from .scored_run import ScoredRunOperator

_LABEL = "Score objects"


class ScoreObjects(ScoredRunOperator):
    """Scores the annotated objects of a run that has scores, in place of the scores that they had."""

    operator_name = "score_objects"
    title = _LABEL
    description = "Score every annotated object, and say which class it looks like: show me the worst cars"
    icon = "/assets/objects.svg"

    @database_errors()
    def resolve_input(self, ctx: Any) -> types.Property:
        """The choice of the run, and which objects."""
        form = Form(ctx)
        run = self.choose_run(form, ctx.dataset)
        if run is None:
            return form.property(_LABEL, "Score")
        form.ask(ObjectConfig, "only_classes")
        if form.flag("advanced", "Advanced options"):
            form.ask(ObjectConfig, "min_area", "max_objects", "workers")
            form.ask(ObjectRequest, "overwrite", "skip_failures")
            execution(form)
        form.config(ObjectConfig, fallback="key")
        if form.valid:
            form.notice("plan", _plan(run))
        return form.property(_LABEL, "Score")

    def run(self, ctx: Any, progress: Progress) -> dict[str, Any]:
        """Scores the objects with what the form, the Python call or the delegated run gave."""
        from ..plugin.audit import score_objects

        started = time.monotonic()
        summary = score_objects(ctx.dataset, progress=progress, **self.arguments(ctx))
        found = summary.objects or ScoredObjects()
        return {
            "key": summary.key,
            "objects": found.objects,
            "images": found.images,
            "scored": int(summary.scored),
            "classes": outputs.object_rows(found),
            "notes": list(found.notes),
            "seconds": time.monotonic() - started,
        }

    def message(self, summary: Mapping[str, Any]) -> str:
        """The notification at the end."""
        if not summary["objects"]:
            return f"No objects in {summary['scored']:,} images."
        counted = f"{count(summary['objects'], 'object')} in {count(summary['images'], 'image')}"
        return f"Scored {counted}. Saved view '{summary['key']}: worst objects' shows them, the worst first."

    def output(self, summary: Mapping[str, Any]) -> types.Property:
        """How many objects there are, by class."""
        shown = types.Object()
        text = f"{self.message(summary)} ({format_seconds(summary['seconds'])})"
        shown.view("message", types.Notice(label=plain(text)))
        if summary["classes"]:
            columns = {"name": "Class", "objects": "Objects", "unlike": "Look like another", "quality": "Mean quality"}
            outputs.table(shown, "classes", columns, "Objects by class, the lowest mean quality first")
        outputs.warnings(shown, summary["notes"])
        return types.Property(shown, view=types.View(label=_LABEL))

    def shown(self, ctx: Any, summary: Mapping[str, Any]) -> Any:
        """The objects, the worst first."""
        return worst_objects(ctx.dataset, summary["key"])


def _plan(run: RunRecord) -> str:
    again = ", in place of those scored before" if run.objects is not None else ""
    return f"The objects of {run.scored:,} images are scored from the files of run '{run.key}'{again}; no model runs."
