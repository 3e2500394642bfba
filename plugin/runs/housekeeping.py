"""Where a run's files and record are, who uses them, and their deletion."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path

import fiftyone as fo
from bson import ObjectId

from ..base.errors import LabelQualityError
from ..dataset.fields import delete_fields
from ..dataset.lint_fields import delete_lint, kept_lint, regroup_lint
from ..dataset.views import delete_views
from ..documents.ownership import own_fields
from ..records.clones import check_uncloned, clones_of, named, needed_sets
from ..records.evaluations import delete_evaluations
from ..records.lint_part import is_of_run
from ..records.run_record import RunRecord, delete_record, list_records, load_record, validate_key
from ..samples.private_fiftyone import id_of, stored_samples
from ..store.locks import remove_stale
from ..store.run_folder import Owner, RunFolder
from ..store.stored_set import StoredSet, files_under
from .request import Request
from .turns import writing

#: Ids that are looked up at a time
_A_QUERY = 1000


def run_root(dataset: fo.Dataset, request: Request, existing: RunRecord | None) -> Path:
    """The folder of a key's files: where the user said, where they are, or below FiftyOne's dataset folder.

    Of a run of version 0.1.0 they stay where they are, also if it was interrupted before it had a record.

    Raises:
        LabelQualityError: the run's files are elsewhere than the user says, and may not be replaced
    """
    before = own_folder(dataset, existing) if existing is not None else None
    parent = Path(request.output_dir).expanduser().resolve() if request.output_dir else default_parent()
    if before is not None and (not request.output_dir or before == parent / before.parent.name / request.key):
        return before
    root = dataset_folder(dataset, parent) / request.key
    if existing is None and not root.exists():
        unnamed = parent / dataset.slug / request.key
        root = unnamed if run_folder(dataset, unnamed).sets() else root
    if before is not None and not request.overwrite:
        raise LabelQualityError(
            f"The files of run '{request.key}' are in {before}, and not in {root} as `output_dir` says. Leave "
            "`output_dir` out, or pass overwrite=True to replace the run and its files."
        )
    return root


def default_parent() -> Path:
    """Where the datasets' folders are unless the user says otherwise."""
    return Path(fo.config.default_dataset_dir) / "label_quality"


def dataset_folder(dataset: fo.Dataset, parent: str | os.PathLike[str]) -> Path:
    """A dataset's own folder: it carries the dataset's id, as others may have had its name, and its name when made."""
    named = sorted(Path(parent).glob(f"*-{dataset_id(dataset)}"))
    return named[0] if named else Path(parent) / f"{dataset.slug}-{dataset_id(dataset)}"


def run_folder(dataset: fo.Dataset, root: Path, record: RunRecord | None = None) -> RunFolder:
    """The folder of a key's files, in which no other dataset's are seen, changed or removed.

    Args:
        dataset: the dataset
        root: the folder
        record: of the run whose files are there, if it is known
    """
    recorded = record.sets if record is not None and own_folder(dataset, record) == root else frozenset()
    return RunFolder(root, Owner(dataset_id(dataset), partial(_has_samples, dataset), recorded))


def own_folder(dataset: fo.Dataset, record: RunRecord) -> Path | None:
    """The folder of a run's files; None where it belongs to the dataset that this one was cloned from."""
    if not record.folder or record.dataset not in (None, dataset_id(dataset)):
        return None
    return Path(record.folder)


@contextlib.contextmanager
def writing_to(dataset: fo.Dataset, key: str) -> Iterator[RunRecord]:
    """Waits until no run writes to the dataset, and gives the record of one as it is then: what it keeps may be added.

    Args:
        dataset: the dataset
        key: of the run; of a clone's, whose files are the original's, the turn is the clone's

    Raises:
        LabelQualityError: the run is gone meanwhile, or another one still writes after `turns.PATIENCE`
    """
    folder = own_folder(dataset, load_record(dataset, key)) or dataset_folder(dataset, default_parent()) / key
    try:
        with writing(dataset, folder):
            yield load_record(dataset, key)
    finally:
        tidy(folder)


def dataset_id(dataset: fo.Dataset) -> str:
    """What tells a dataset from its clones, which have the same runs."""
    return str(id_of(dataset))


def find_record(dataset: fo.Dataset, key: str) -> RunRecord | None:
    """The record of a run, or None if there is none."""
    return next((record for record in list_records(dataset) if record.key == key), None)


def dependents(dataset: fo.Dataset, key: str) -> list[str]:
    """Keys of the runs whose scores and masks come from this run's predictions."""
    return [record.key for record in list_records(dataset) if record.predictions.run == key]


def check_unused(dataset: fo.Dataset, key: str) -> None:
    """Raises `LabelQualityError` if other runs use the run's predictions."""
    users = dependents(dataset, key)
    if users:
        raise LabelQualityError(
            f"The predictions of run '{key}' are used by {', '.join(users)}. Delete these runs first, or use another "
            "`key`."
        )


def check_unjudged(dataset: fo.Dataset, key: str) -> None:
    """Raises `LabelQualityError` if other runs judge masks that are this run's, such as loaded corrections."""
    own = own_fields(dataset, key)
    judging = {one.key: one.label_field for one in list_records(dataset) if one.key != key and one.label_field in own}
    if judging:
        raise LabelQualityError(
            f"The field '{next(iter(judging.values()))}' of run '{key}' has the given masks of {', '.join(judging)}, "
            "and would go with it. Delete these runs first."
        )


def remove(dataset: fo.Dataset, record: RunRecord, *, break_clones: bool = False) -> list[Path]:
    """Deletes a run's views, evaluations, fields, files and record; can be repeated after it was interrupted.

    What a lint by itself has found stays.

    Args:
        dataset: the dataset
        record: of the run
        break_clones: delete the files also where clones of the dataset show them

    Returns:
        files in the run's folder that the run did not make, and that are still there

    Raises:
        LabelQualityError: other runs use its predictions or judge its masks, clones of the dataset show its files, or
            it is under way
    """
    check_unused(dataset, record.key)
    check_unjudged(dataset, record.key)
    folder = own_folder(dataset, record)
    if not break_clones:
        check_uncloned(dataset, record.key, folder)
    files = run_folder(dataset, folder, record) if folder is not None else None
    # No view or evaluation of fields that are gone, no field of files that are gone, and nothing without a record to
    # delete it by
    with contextlib.ExitStack() as stack:
        if files is not None and files.root.is_dir():
            stack.enter_context(files)
            stack.enter_context(writing(dataset, files.root))
        fields, views = kept_lint(dataset, record.key)
        delete_views(dataset, record.key, keep=views)
        delete_evaluations(dataset, record.key)
        delete_fields(dataset, record.key, keep=fields)
        if fields:
            regroup_lint(dataset, record.key)
    left = remove_files(files) if files is not None else []
    delete_record(dataset, record.key)
    return left


def remove_begun(dataset: fo.Dataset, key: str) -> list[Path] | None:
    """Deletes the files of a first run that was stopped before it had a record, and what its lint had found.

    Args:
        dataset: the dataset
        key: of the run, whose files are where they go by default

    Returns:
        files that are left, as of `remove`; None where there is no such run
    """
    validate_key(dataset, key)
    if find_record(dataset, key) is not None:
        return None
    folder = run_folder(dataset, dataset_folder(dataset, default_parent()) / key)
    linted = is_of_run(dataset, key)
    if not linted and not folder.sets():
        return None
    left = remove_files(folder)
    if linted:
        delete_lint(dataset, key)
    return left


def drop_empty(folder: RunFolder) -> None:
    """Removes the sets that a first run which failed has begun, unless it can go on from something in one of them.

    Args:
        folder: of the run, which has no record yet; its lock is held
    """
    begun = folder.sets()
    if not any(one.complete or len(list(islice(files_under(one.path), 2))) > 1 for one in begun):
        folder.remove_sets()


def remove_replaced(dataset: fo.Dataset, folder: RunFolder, keep: Sequence[StoredSet] = ()) -> str:
    """Removes the dataset's sets in a folder, whose lock is held, but for those that clones of the dataset show.

    Args:
        dataset: the dataset
        folder: the folder
        keep: sets that stay in any case

    Returns:
        a sentence on what clones have kept, or ""
    """
    clones = clones_of(dataset, folder.root)
    needed = needed_sets(clones)
    kept = {one.path for one in keep}
    shown = [one for one in folder.sets() if one.path.name in needed and one.path not in kept]
    folder.remove_sets(keep=[*keep, *shown])
    return f"Files of before are kept in {folder.root}, as they are shown by {named(clones)}." if shown else ""


def remove_files(folder: RunFolder) -> list[Path]:
    """Deletes what the owner's runs made in a key's folder, and the dataset's folder above it if it is empty then.

    Returns:
        files that they did not make, and that are still there
    """
    left = folder.delete()
    tidy(folder.root)
    return left


def tidy(folder: Path) -> None:
    """Removes what is left above a key's folder: a lock that nobody holds, and the dataset's folder if it is empty."""
    remove_stale(folder.parent)
    if not folder.exists():
        with contextlib.suppress(OSError):
            folder.parent.rmdir()


def _has_samples(dataset: fo.Dataset, sample_ids: Iterable[str]) -> bool:
    """Whether any of these ids, which are taken some at a time, is that of a sample of the dataset."""
    remaining = iter(sample_ids)
    while portion := list(islice(remaining, _A_QUERY)):
        ids = [ObjectId(one) for one in portion if ObjectId.is_valid(one)]
        if stored_samples(dataset).find_one({"_id": {"$in": ids}}, {"_id": True}) is not None:
            return True
    return False
