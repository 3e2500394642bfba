"""The operator `load_corrections`: corrected masks beside the given ones, and what they say of the suspects."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from typing import Any

import fiftyone.operators.types as types

from ..plugin.base.database_errors import database_errors
from ..plugin.base.errors import LabelQualityError
from ..plugin.base.parameters import table
from ..plugin.base.progress import Progress
from ..plugin.base.words import count
from ..plugin.corrections.config import ANY, DATASET, CorrectionRequest
from ..plugin.parameters import PARAMETERS
from ..plugin.records.run_record import list_records
from .execution import EngineOperator
from .form.forms import Form, run_labels
from .form.parameters import to_arguments, to_request
from .output.outputs import left_out, warnings
from .output.outputs import table as output_table
from .output.plain_text import plain

_LABEL = "Load corrections"
_NO_RUN = "There is no run that corrections could be compared with: audit the labels first."
#: Pairs of classes in the table of an output
_SHOWN_PAIRS = 20
_COLUMNS = {"given": "Was", "became": "Is", "pixels": "Pixels", "images": "Images"}


class LoadCorrections(EngineOperator):
    """Loads corrected masks into a field of their own; the given masks stay."""

    operator_name = "load_corrections"
    title = _LABEL
    description = "Load corrected masks, and see what they change: which suspects are resolved, and what is newly wrong"
    icon = "/assets/load.svg"

    def __call__(
        self,
        sample_collection: Any,
        source: Any = CorrectionRequest.source,
        key: str = CorrectionRequest.key,
        delegate: bool = False,
        progress: bool = True,
        **params: Any,
    ) -> Any:
        """Loads corrected masks.

        Args:
            sample_collection: the dataset, or a view of it
            source: a folder of masks, another field, another dataset or its name, or the name under which
                `send_to_annotation` has sent the images
            key: the run's key
            delegate: queue the work for ``fiftyone delegated launch`` instead of doing it now
            progress: draw progress bars
            **params: of `CorrectionRequest`

        Returns:
            FiftyOne's ``ExecutionResult``; its ``result`` says what was loaded
        """
        if hasattr(source, "media_type"):
            source, params = source.name, {"source_kind": DATASET, **params}
        request = to_request({"source": source, "key": key, **params}, PARAMETERS[self.operator_name])
        return self.call({"view": sample_collection.view()}, request, delegate, progress)

    @database_errors()
    def resolve_input(self, ctx: Any) -> types.Property:
        """Which run, where the masks are, and whether whole images were reviewed."""
        form = Form(ctx)
        runs = list_records(ctx.dataset)
        if not runs:
            form.fail("key", _NO_RUN)
            return form.property(_LABEL, "Load")
        labels = run_labels(runs)
        key = form.choice("key", table(CorrectionRequest)["key"].label, labels, default=runs[-1].key)
        form.ask(CorrectionRequest, "source")
        kind = form.ask(CorrectionRequest, "source_kind")
        if kind in (ANY, DATASET):
            form.ask(CorrectionRequest, "source_field")
        form.ask(CorrectionRequest, "reviewed", "reviewer")
        if form.flag("advanced", "Advanced options"):
            form.ask(CorrectionRequest, "skip_failures")
        if form.valid:
            _check(form, key)
        return form.property(_LABEL, "Load")

    def resolve_run_name(self, ctx: Any) -> str:
        """The run's name in the list of delegated operations."""
        return f"{_LABEL}: {os.path.basename(str(ctx.params.get('source') or ''))}"

    def run(self, ctx: Any, progress: Progress) -> dict[str, Any]:
        """Loads with what the form, the Python call or the delegated run gave."""
        from ..plugin.corrections.load_corrections import load_corrections

        arguments = to_arguments(ctx.params, PARAMETERS[self.operator_name])
        runs = list_records(ctx.dataset)
        if not runs:
            raise LabelQualityError(_NO_RUN)
        arguments.setdefault("key", runs[-1].key)
        made = load_corrections(ctx.dataset, progress=progress, **arguments)
        return {**dataclasses.asdict(made), "failures": [str(one["problem"]) for one in made.failures]}

    def message(self, summary: Mapping[str, Any]) -> str:
        """The notification at the end."""
        images, changed = count(summary["images"], "corrected mask"), count(summary["changed"], "image")
        return (
            f"Loaded {images}: {changed} changed, {count(summary['resolved'], 'suspect')} resolved, "
            f"{summary['still_suspect']:,} still suspect{_new(summary)}."
        )

    def output(self, summary: Mapping[str, Any]) -> types.Property:
        """What was changed, by classes, and what could not be used."""
        shown = types.Object()
        text = f"{self.message(summary)} The given masks are as they were."
        shown.view("message", types.Notice(label=plain(text)))
        if summary["pairs"]:
            counts = ("pixels", "images")
            rows = [one | {name: f"{one[name]:,}" for name in counts} for one in summary["pairs"][:_SHOWN_PAIRS]]
            # Not of the name that the results have: the App would show those, without commas
            output_table(shown, "changed_pixels", _COLUMNS, "Changed pixels", rows)
        warnings(shown, [*summary["notes"], *left_out(summary["failures"])])
        return types.Property(shown, view=types.View(label=_LABEL))


def _new(summary: Mapping[str, Any]) -> str:
    number = summary["newly_wrong"]
    return "" if number is None else f", {number:,} newly wrong"


def _check(form: Form, key: str) -> None:
    """Says where the masks come from, or what is in the way."""
    from ..plugin.corrections.sources import source_kind
    from ..plugin.records.run_record import load_record

    entered = to_arguments(form.ctx.params, table(CorrectionRequest))
    try:
        request = CorrectionRequest.from_params({**entered, "key": key})
        kind = source_kind(form.ctx.dataset, request)
        record = load_record(form.ctx.dataset, key)
    except LabelQualityError as error:
        form.fail_as(error, fallback="source")
        return
    if record.corrections is not None:
        text = f"Replaces the masks that were loaded from {record.corrections.source}."
        form.warning("replaces", text)
    choices = table(CorrectionRequest)["source_kind"].choices
    where = choices[kind].lower() if isinstance(choices, Mapping) else kind
    form.notice("plan", f"Loads from {where}, into '{key}_corrections'. The given masks stay.")
