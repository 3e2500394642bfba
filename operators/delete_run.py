"""The operator `delete_run`: removes a run, or a benchmark, with everything it wrote, and nothing else."""

from __future__ import annotations

from typing import Any

import fiftyone.operators as foo
import fiftyone.operators.types as types

from ..plugin.base.database_errors import database_errors
from ..plugin.base.errors import LabelQualityError
from ..plugin.benchmark.records import delete_benchmark, list_benchmarks
from ..plugin.records.clones import clones_of, named
from ..plugin.records.run_record import list_records, load_record
from ..plugin.runs.housekeeping import own_folder
from ..plugin.samples.private_fiftyone import root_of
from .execution import REFRESH_PANEL
from .form.forms import Form, minute, run_labels
from .output import run_table

_CONTENTS = "This deletes the benchmark: its figures, its files and its record. Your masks and fields stay."


class DeleteRun(foo.Operator):
    """Deletes a run's fields, saved views, files and record; or the files and record of a benchmark."""

    @property
    def config(self) -> foo.OperatorConfig:
        """FiftyOne's description of the operator."""
        return foo.OperatorConfig(
            name="delete_run",
            label="Delete label quality run",
            description="Delete a run's fields, saved views, files and record; the given masks stay",
            icon="/assets/delete.svg",
            dynamic=True,
            risk_level="high",
            view_target=False,
        )

    def __call__(self, sample_collection: Any, key: str, break_clones: bool = False) -> Any:
        """Deletes the run.

        Args:
            sample_collection: the dataset, or a view of it
            key: of the run or of the benchmark
            break_clones: delete the run's files also where clones of the dataset show them

        Returns:
            FiftyOne's ``ExecutionResult``; its ``result["message"]`` says what was deleted
        """
        params = {"key": key, "confirm": True, "break_clones": break_clones}
        return foo.execute_operator(self.uri, {"dataset": root_of(sample_collection)}, params=params)

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
            is_benchmark = _is_benchmark(ctx.dataset, key)
            form.warning("contents", _CONTENTS if is_benchmark else run_table.contents(ctx.dataset, key))
            if not is_benchmark:
                _ask_of_clones(form, ctx.dataset, key)
            if not form.flag("confirm", f"Delete {'benchmark' if is_benchmark else 'run'} '{key}'"):
                form.fail("confirm", "Tick the box to delete it.")
        return form.property("Delete label quality run", "Delete")

    @database_errors()
    def execute(self, ctx: Any) -> dict[str, str]:
        """Deletes the run and shows the dataset without it."""
        from ..plugin.audit import delete_run

        key = ctx.params.get("key") or next(reversed(_labels(ctx.dataset)))
        try:
            if _is_benchmark(ctx.dataset, key):
                delete_benchmark(ctx.dataset, key)
                message = f"The benchmark '{key}' is deleted: its files and record."
            else:
                delete_run(ctx.dataset, key, break_clones=bool(ctx.params.get("break_clones")))
                message = f"Run '{key}' is deleted: its fields, saved views, files and record."
        except LabelQualityError as error:
            raise error.with_traceback(None) from None
        ctx.ops.reload_dataset()
        ctx.trigger(f"{self.plugin_name}/{REFRESH_PANEL}")
        ctx.ops.notify(message, variant="success")
        return {"message": message}


def _ask_of_clones(form: Form, dataset: Any, key: str) -> None:
    """Warns of clones whose images would lose their files, and asks for the user's word for that too."""
    clones = clones_of(dataset, own_folder(dataset, load_record(dataset, key)))
    if not clones:
        return
    names = named(clones)
    form.warning(
        "clones",
        f"The files of this run are shown by {names} too, whose images lose their heatmaps and masks with them.",
    )
    if not form.flag("break_clones", f"Delete the files although they are shown by {names}"):
        form.fail(
            "break_clones",
            f"The files are shown by {names} too. Delete the run there first, or pass break_clones=True.",
        )


def _labels(dataset: Any) -> dict[str, str]:
    """What can be deleted: key to what it is."""
    runs = run_labels(list_records(dataset))
    benchmarks = {
        one["key"]: f"{one['key']} (benchmark of {one['label_field']}, {minute(one['created'])})"
        for one in list_benchmarks(dataset)
    }
    return {**benchmarks, **runs}


def _is_benchmark(dataset: Any, key: str) -> bool:
    return any(one["key"] == key for one in list_benchmarks(dataset))
