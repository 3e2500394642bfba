"""The operator `write_report`: a run as one self-contained page for whoever decides about the dataset."""

from __future__ import annotations

import dataclasses
import itertools
import os
from collections.abc import Mapping
from typing import Any

import fiftyone.operators.types as types

from ..plugin.base.database_errors import database_errors
from ..plugin.base.errors import LabelQualityError
from ..plugin.base.progress import Progress
from ..plugin.base.words import count
from ..plugin.report.config import ReportRequest
from .form.forms import Form
from .output.plain_text import plain
from .scored_run import ScoredRunOperator

_LABEL = "Write report"
_PURPOSE = (
    "One page for whoever decides about the dataset: what was found, the worst images and the issues with pictures, "
    "what people have decided, and how it was measured. It needs no other file and no network, and prints."
)


class WriteReport(ScoredRunOperator):
    """Writes a run as one HTML file."""

    operator_name = "write_report"
    title = _LABEL
    description = "Write what was found as one self-contained page, to be opened anywhere, printed or sent"
    icon = "/assets/report.svg"

    @database_errors()
    def resolve_input(self, ctx: Any) -> types.Property:
        """The choice of the run, the file, and how much is shown."""
        form = Form(ctx)
        form.notice("purpose", _PURPOSE)
        run = self.choose_run(form, ctx.dataset)
        if run is None:
            return form.property(_LABEL, "Write")
        path = form.ask(ReportRequest, "path", default=_free_path(ctx.dataset))
        form.ask(ReportRequest, "images", "issues", "examples")
        overwrite = bool(form.value("overwrite"))
        if _is_there(path):
            overwrite = form.ask(ReportRequest, "overwrite")
        request = form.config(ReportRequest, fallback="path")
        if isinstance(request, ReportRequest):
            _say(form, request, path, overwrite)
        return form.property(_LABEL, "Write")

    def run(self, ctx: Any, progress: Progress) -> dict[str, Any]:
        """Writes with what the form, the Python call or the delegated run gave."""
        from ..plugin.report.write import write_report

        arguments = {"path": _free_path(ctx.dataset), **self.arguments(ctx)}
        return dataclasses.asdict(write_report(ctx.dataset, progress=progress, **arguments))

    def message(self, summary: Mapping[str, Any]) -> str:
        """The notification at the end."""
        shown = f"{count(summary['images'], 'image')} and {count(summary['issues'], 'issue')}"
        return f"Wrote a report with {shown} to {summary['path']}."

    def output(self, summary: Mapping[str, Any]) -> types.Property:
        """Where the file is."""
        shown = types.Object()
        shown.view("message", types.Notice(label=plain(f"{self.message(summary)} Open it in any browser.")))
        return types.Property(shown, view=types.View(label=_LABEL))


def _free_path(dataset: Any) -> str:
    """A file in the home folder that is not there yet."""
    from ..plugin.report.write import default_path

    first = default_path(dataset)
    stem, ending = os.path.splitext(first)
    names = itertools.chain([first], (f"{stem}-{number}{ending}" for number in itertools.count(2)))
    return next(name for name in names if not os.path.exists(name))


def _is_there(path: Any) -> bool:
    return isinstance(path, str) and os.path.isfile(os.path.expanduser(path.strip()))


def _say(form: Form, request: ReportRequest, path: str, overwrite: bool) -> None:
    """What will be written where, or what is in the way."""
    from ..plugin.report.write import check_report_path

    try:
        target = check_report_path(path, overwrite)
    except LabelQualityError as error:
        form.fail_as(error, fallback="path")
        return
    if form.valid:
        shown = f"the {count(request.images, 'worst image')} and {count(request.issues, 'issue')} at most"
        form.notice("plan", f"Writes a page with {shown} to {target}.")
