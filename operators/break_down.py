"""The operator `break_down`: a run's quality and mistakes by annotator, batch or any other field."""

from __future__ import annotations

from typing import Any

import fiftyone.operators as foo
import fiftyone.operators.types as types

from ..plugin.base.database_errors import database_errors
from ..plugin.base.errors import LabelQualityError
from ..plugin.base.parameters import table
from ..plugin.records.run_record import list_records
from ..plugin.runs.breakdown import (
    break_down,
    breakdown_columns,
    breakdown_fields,
    breakdown_rows,
    breakdown_sentence,
)
from ..plugin.runs.request import BreakdownRequest
from ..plugin.samples.private_fiftyone import root_of
from .form.forms import Form, run_labels
from .output import outputs
from .output.plain_text import plain

_LABEL = "Break down a run"
#: Rows of the App's table
_SHOWN = 100


class BreakDown(foo.Operator):
    """Shows by which values of a field the masks are worst."""

    @property
    def config(self) -> foo.OperatorConfig:
        """FiftyOne's description of the operator."""
        return foo.OperatorConfig(
            name="break_down",
            label=_LABEL,
            description="Which annotator, batch or camera has the most mistakes: a run by any field of the samples",
            icon="/assets/breakdown.svg",
            dynamic=True,
            risk_level="low",
            view_target=False,
        )

    def __call__(self, sample_collection: Any, field: str, key: str = BreakdownRequest.key) -> Any:
        """Breaks a run down; `label_quality.break_down` gives the same as objects.

        Args:
            sample_collection: the dataset, or a view of it
            field: of the samples
            key: the run's key

        Returns:
            FiftyOne's ``ExecutionResult``; its ``result["parts"]`` has one dict of texts a value of the field
        """
        return foo.execute_operator(
            self.uri, {"dataset": root_of(sample_collection)}, params={"field": field, "key": key}
        )

    @database_errors()
    def resolve_input(self, ctx: Any) -> types.Property:
        """The choice of the run and of the field."""
        form = Form(ctx)
        runs = [run for run in list_records(ctx.dataset) if ctx.dataset.has_sample_field(f"{run.key}_quality")]
        fields = breakdown_fields(ctx.dataset)
        if not runs:
            form.fail("key", "There are no scored runs yet: audit this dataset first.")
        elif not fields:
            form.fail(
                "field", "The samples have no field of strings, whole numbers, booleans, dates or classifications."
            )
        else:
            form.choice("key", table(BreakdownRequest)["key"].label, run_labels(runs), default=runs[-1].key)
            one = table(BreakdownRequest)["field"]
            form.choice("field", one.label, {name: name for name in fields}, one.help, fields[0])
        return form.property(_LABEL, "Break down")

    @database_errors()
    def execute(self, ctx: Any) -> dict[str, Any]:
        """The parts as rows."""
        runs = list_records(ctx.dataset)
        key = ctx.params.get("key") or (runs[-1].key if runs else BreakdownRequest.key)
        field = ctx.params.get("field") or next(iter(breakdown_fields(ctx.dataset)), "")
        try:
            found = break_down(ctx.dataset, field, key=key)
        except LabelQualityError as error:
            raise error.with_traceback(None) from None
        return {
            "key": found.key,
            "field": found.field,
            "message": breakdown_sentence(found),
            "columns": breakdown_columns(found),
            "parts": breakdown_rows(found),
        }

    def resolve_output(self, ctx: Any) -> types.Property:
        """The table."""
        found, shown = ctx.results or {}, types.Object()
        shown.view("message", types.Notice(label=plain(found.get("message", ""))))
        if found.get("parts"):
            rows = found["parts"][:_SHOWN]
            more = len(found["parts"]) - len(rows)
            label = f"The first {_SHOWN} of {len(found['parts']):,}" if more else ""
            outputs.table(shown, "shown", found["columns"], label, rows)
        return types.Property(shown, view=types.View(label=_LABEL))
