"""The runs on a dataset, as rows of a table and in words."""

from __future__ import annotations

from typing import Any

from ...plugin.documents.ownership import own_fields
from ...plugin.records.evaluations import evaluation_fields, own_evaluations
from ...plugin.records.run_record import RunRecord, list_records, load_record
from ...plugin.samples.slices import images_of
from ..form.forms import when

#: Key of each column of the table, and its heading
COLUMNS = {
    "key": "Run",
    "label_field": "Masks",
    "source": "Predictions",
    "images": "Images",
    "worst": "Worst",
    "out_of_sample": "Out-of-sample",
    "created": "Made",
}


def rows(dataset: Any) -> list[dict[str, Any]]:
    """One row a run."""
    return [_row(dataset, run) for run in list_records(dataset)]


def _row(dataset: Any, run: RunRecord) -> dict[str, Any]:
    quality = f"{run.key}_quality"
    lowest = images_of(dataset).bounds(quality)[0] if quality in own_fields(dataset, run.key) else None
    return {
        "key": run.key,
        "label_field": run.label_field,
        "source": run.source,
        "images": run.scored,
        "worst": "–" if lowest is None else f"{lowest:.3f}",
        "out_of_sample": "yes" if run.out_of_sample else "maybe not",
        "created": when(run),
    }


def contents(dataset: Any, key: str) -> str:
    """What deleting the run removes, in words."""
    evaluations = own_evaluations(dataset, key)
    fields = [*own_fields(dataset, key), *(field for name in evaluations for field in evaluation_fields(name))]
    views = load_record(dataset, key).views
    parts = [
        f"{len(fields)} fields ({', '.join(fields) or 'none'})",
        f"{len(views)} saved view{'' if len(views) == 1 else 's'}",
        *(f"the evaluation '{name}'" for name in evaluations),
    ]
    return (
        f"This deletes {', '.join(parts)} and the run's files and record. The given masks and your other fields stay."
    )
