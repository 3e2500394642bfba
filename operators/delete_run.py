"""The operator `delete_run`: removes a run, or a test of the scores, with everything it wrote, and nothing else."""

from __future__ import annotations

from typing import Any

import fiftyone.operators as foo
import fiftyone.operators.types as types

from ..plugin.benchmark_records import delete_benchmark, list_benchmarks
from ..plugin.database_errors import database_errors
from ..plugin.errors import LabelQualityError
from ..plugin.runs import list_records
from . import run_table
from .execution import REFRESH_PANEL
from .forms import Form, minute, when

_CONTENTS = "This deletes the test of the scores: its figures, its files and its record. Your masks and fields stay."


class DeleteRun(foo.Operator):
    """Deletes a run's fields, saved views, files and record; or the files and record of a test of the scores."""

    @property
    def config(self) -> foo.OperatorConfig:
        """FiftyOne's description of the operator."""
        return foo.OperatorConfig(
            name="delete_run",
            label="Delete label quality run",
            description="Delete a run's fields, saved views, files and record; the given masks stay",
            icon="/assets/delete.svg",
            dynamic=True,
            view_target=False,
        )

    def __call__(self, sample_collection: Any, key: str) -> Any:
        """Deletes the run.

        Args:
            sample_collection: the dataset, or a view of it
            key: of the run or of the test of the scores

        Returns:
            FiftyOne's ``ExecutionResult``; its ``result["message"]`` says what was deleted
        """
        params = {"key": key, "confirm": True}
        return foo.execute_operator(self.uri, {"dataset": sample_collection._root_dataset}, params=params)

    @database_errors()
    def resolve_input(self, ctx: Any) -> types.Property:
        """The choice of the run, what will be deleted, and the user's word for it."""
        form = Form(ctx)
        labels = _labels(ctx.dataset)
        if not labels:
            form.fail("key", "There are no runs to delete.")
            return form.property("Delete label quality run", "Delete")
        key = form.choice("key", "Run", labels, default=next(iter(labels)) if len(labels) == 1 else None)
        if key is None:
            form.fail("key", "Choose the run to delete.")
        elif form.valid:
            is_test = _is_test(ctx.dataset, key)
            form.warning("contents", _CONTENTS if is_test else run_table.contents(ctx.dataset, key))
            if not form.flag("confirm", f"Delete {'test' if is_test else 'run'} '{key}'"):
                form.fail("confirm", "Tick the box to delete it.")
        return form.property("Delete label quality run", "Delete")

    @database_errors()
    def execute(self, ctx: Any) -> dict[str, str]:
        """Deletes the run and shows the dataset without it."""
        from ..plugin.audit import delete_run

        key = ctx.params.get("key") or next(reversed(_labels(ctx.dataset)))
        try:
            if _is_test(ctx.dataset, key):
                delete_benchmark(ctx.dataset, key)
                message = f"The test '{key}' is deleted: its files and record."
            else:
                delete_run(ctx.dataset, key)
                message = f"Run '{key}' is deleted: its fields, saved views, files and record."
        except LabelQualityError as error:
            raise error.with_traceback(None) from None
        ctx.ops.reload_dataset()
        ctx.trigger(f"{self.plugin_name}/{REFRESH_PANEL}")
        ctx.ops.notify(message, variant="success")
        return {"message": message}


def _labels(dataset: Any) -> dict[str, str]:
    """What can be deleted: key to what it is."""
    runs = {run.key: f"{run.key} (of {run.label_field}, {when(run)})" for run in list_records(dataset)}
    tests = {
        one["key"]: f"{one['key']} (test of the scores of {one['label_field']}, {minute(one['created'])})"
        for one in list_benchmarks(dataset)
    }
    return {**tests, **runs}


def _is_test(dataset: Any, key: str) -> bool:
    return any(one["key"] == key for one in list_benchmarks(dataset))
