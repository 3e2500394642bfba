"""The operator `list_runs`: the runs on a dataset."""

from __future__ import annotations

from typing import Any

import fiftyone.operators as foo
import fiftyone.operators.types as types

from ..plugin.base.database_errors import database_errors
from ..plugin.samples.private_fiftyone import root_of
from .output import outputs, run_table


class ListRuns(foo.Operator):
    """Shows the runs on a dataset and what they are made of."""

    @property
    def config(self) -> foo.OperatorConfig:
        """FiftyOne's description of the operator."""
        return foo.OperatorConfig(
            name="list_runs",
            label="List label quality runs",
            description="The runs on this dataset: what was audited, with which predictions, and what is worst",
            icon="/assets/runs.svg",
            risk_level="low",
            view_target=False,
        )

    def __call__(self, sample_collection: Any) -> Any:
        """Lists the runs.

        Args:
            sample_collection: the dataset, or a view of it

        Returns:
            FiftyOne's ``ExecutionResult``; its ``result["runs"]`` has one dict a run
        """
        return foo.execute_operator(self.uri, {"dataset": root_of(sample_collection)})

    @database_errors()
    def execute(self, ctx: Any) -> dict[str, Any]:
        """The runs as rows."""
        return {"runs": run_table.rows(ctx.dataset)}

    def resolve_output(self, ctx: Any) -> types.Property:
        """The table."""
        found = types.Object()
        if (ctx.results or {}).get("runs"):
            outputs.table(found, "runs", run_table.COLUMNS, "A low score means a probably wrong mask")
        else:
            found.view("none", types.Notice(label="There are no runs yet: audit this dataset to make one."))
        return types.Property(found, view=types.View(label="Label quality runs"))
