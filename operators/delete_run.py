"""The operator `delete_run`: removes a run and everything it wrote, and nothing else."""

from __future__ import annotations

from typing import Any

import fiftyone.operators as foo
import fiftyone.operators.types as types

from ..plugin.errors import LabelQualityError
from ..plugin.runs import list_records
from . import run_table
from .forms import Form, when


class DeleteRun(foo.Operator):
    """Deletes a run's fields, saved views, files and record."""

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
            key: the run's key

        Returns:
            FiftyOne's ``ExecutionResult``; its ``result["message"]`` says what was deleted
        """
        params = {"key": key, "confirm": True}
        return foo.execute_operator(self.uri, {"dataset": sample_collection._root_dataset}, params=params)

    def resolve_input(self, ctx: Any) -> types.Property:
        """The choice of the run, what will be deleted, and the user's word for it."""
        form = Form(ctx)
        runs = list_records(ctx.dataset)
        if not runs:
            form.fail("key", "There are no runs to delete.")
            return form.property("Delete label quality run", "Delete")
        labels = {run.key: f"{run.key} (of {run.label_field}, {when(run)})" for run in runs}
        key = form.choice("key", "Run", labels, default=runs[-1].key if len(runs) == 1 else None)
        if key is None:
            form.fail("key", "Choose the run to delete.")
        elif form.valid:
            form.warning("contents", run_table.contents(ctx.dataset, key))
            if not form.flag("confirm", f"Delete run '{key}'"):
                form.fail("confirm", "Tick the box to delete it.")
        return form.property("Delete label quality run", "Delete")

    def execute(self, ctx: Any) -> dict[str, str]:
        """Deletes the run and shows the dataset without it."""
        from ..plugin.audit import delete_run

        key = ctx.params.get("key") or list_records(ctx.dataset)[-1].key
        try:
            delete_run(ctx.dataset, key)
        except LabelQualityError as error:
            raise error.with_traceback(None) from None
        ctx.ops.reload_dataset()
        message = f"Run '{key}' is deleted: its fields, saved views, files and record."
        ctx.ops.notify(message, variant="success")
        return {"message": message}
