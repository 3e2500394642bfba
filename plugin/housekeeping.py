"""Where a run's files and record are, who uses them, and their deletion."""

from __future__ import annotations

import contextlib
from pathlib import Path

import fiftyone as fo

from .errors import LabelQualityError
from .fields import delete_fields
from .request import Request
from .runs import RunRecord, delete_record, list_records
from .store import RunFolder
from .turns import writing
from .views import delete_views


def run_root(dataset: fo.Dataset, request: Request, existing: RunRecord | None) -> Path:
    """The folder of a key's files: where the user said, where they are, or below FiftyOne's dataset folder.

    Raises:
        LabelQualityError: the run's files are elsewhere than the user says, and may not be replaced
    """
    before = own_folder(dataset, existing) if existing is not None else None
    if not request.output_dir:
        return before or Path(fo.config.default_dataset_dir) / "label_quality" / dataset.slug / request.key
    root = Path(request.output_dir).expanduser().resolve() / dataset.slug / request.key
    if before is not None and before != root and not request.overwrite:
        raise LabelQualityError(
            f"The files of run '{request.key}' are in {before}, and not in {root} as `output_dir` says. Leave "
            "`output_dir` out, or pass overwrite=True to replace the run and its files."
        )
    return root


def own_folder(dataset: fo.Dataset, record: RunRecord) -> Path | None:
    """The folder of a run's files; None where it belongs to the dataset that this one was cloned from."""
    if not record.folder or record.extra.get("dataset", dataset_id(dataset)) != dataset_id(dataset):
        return None
    return Path(record.folder)


def dataset_id(dataset: fo.Dataset) -> str:
    """What tells a dataset from its clones, which have the same runs."""
    return str(dataset._doc.id)


def find_record(dataset: fo.Dataset, key: str) -> RunRecord | None:
    """The record of a run, or None if there is none."""
    return next((record for record in list_records(dataset) if record.key == key), None)


def dependents(dataset: fo.Dataset, key: str) -> list[str]:
    """Keys of the runs whose scores and masks come from this run's predictions."""
    return [record.key for record in list_records(dataset) if record.extra.get("predictions_from") == key]


def check_unused(dataset: fo.Dataset, key: str) -> None:
    """Raises `LabelQualityError` if other runs use the run's predictions."""
    users = dependents(dataset, key)
    if users:
        raise LabelQualityError(
            f"The predictions of run '{key}' are used by {', '.join(users)}. Delete these runs first, or use another "
            "`key`."
        )


def remove(dataset: fo.Dataset, record: RunRecord) -> list[Path]:
    """Deletes a run's views, fields, files and record, in an order that can be repeated after it was interrupted.

    Returns:
        files in the run's folder that the run did not make, and that are still there

    Raises:
        LabelQualityError: other runs use its predictions, or it is under way
    """
    check_unused(dataset, record.key)
    folder = own_folder(dataset, record)
    # No view of fields that are gone, no field of files that are gone, and nothing without a record to delete it by
    with contextlib.ExitStack() as stack:
        if folder is not None and folder.is_dir():
            stack.enter_context(RunFolder(folder))
            stack.enter_context(writing(dataset, folder))
        delete_views(dataset, record.key)
        delete_fields(dataset, record.key)
    left = remove_folder(folder) if folder is not None else []
    delete_record(dataset, record.key)
    return left


def remove_folder(folder: Path) -> list[Path]:
    """Deletes what runs made in a key's folder, and the dataset's folder above it if it is empty then.

    Returns:
        files that no run made, and that are still there
    """
    left = RunFolder(folder).delete()
    tidy(folder)
    return left


def tidy(folder: Path) -> None:
    """Removes the dataset's folder above a key's, if there is nothing in it any more."""
    if not folder.exists():
        with contextlib.suppress(OSError):
            folder.parent.rmdir()
