"""Where a run's files and record are, who uses them, and their deletion."""

from __future__ import annotations

from pathlib import Path

import fiftyone as fo

from .errors import LabelQualityError
from .fields import delete_fields, own_fields
from .request import Request
from .runs import RunRecord, delete_record, list_records
from .store import RunFolder
from .views import delete_views


def run_root(dataset: fo.Dataset, request: Request, existing: RunRecord | None) -> Path:
    """The folder of a key's files: where the user said, where they are, or below FiftyOne's dataset folder."""
    if request.output_dir:
        return Path(request.output_dir).expanduser().resolve() / dataset.slug / request.key
    if existing is not None and existing.folder:
        return Path(existing.folder)
    return Path(fo.config.default_dataset_dir) / "label_quality" / dataset.slug / request.key


def find_record(dataset: fo.Dataset, key: str) -> RunRecord | None:
    """The record of a run, or None if there is none."""
    return next((record for record in list_records(dataset) if record.key == key), None)


def dependents(dataset: fo.Dataset, key: str) -> list[str]:
    """Keys of the runs whose scores and masks come from this run's predictions."""
    return [record.key for record in list_records(dataset) if record.extra.get("predictions_from") == key]


def remove(dataset: fo.Dataset, record: RunRecord) -> list[Path]:
    """Deletes a run's views, fields, files and record, in an order that can be repeated after it was interrupted.

    Returns:
        files in the run's folder that the run did not make, and that are still there

    Raises:
        LabelQualityError: other runs use its predictions, or it is under way
    """
    users = dependents(dataset, record.key)
    if users:
        raise LabelQualityError(
            f"The predictions of run '{record.key}' are used by {', '.join(users)}. Delete these runs first."
        )
    left = RunFolder(record.folder).delete() if record.folder else []
    delete_views(dataset, record.key)
    if own_fields(dataset, record.key):
        delete_fields(dataset, record.key)
    delete_record(dataset, record.key)
    return left
