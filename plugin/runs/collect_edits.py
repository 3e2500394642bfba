"""What people have edited among a run's suspects in the App, against what it has found: see `dataset.region_edits`."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import fiftyone as fo
import numpy as np
from bson import ObjectId

from ..base.database_errors import database_errors
from ..base.errors import LabelQualityError
from ..dataset.given_instances import instances_of
from ..dataset.region_edits import Document, Edits, published_regions, record_deleted, settle_edits
from ..dataset.suspect_fields import SUSPECTS, suspect_documents
from ..dataset.verdicts import EDITED
from ..documents.ownership import field_name
from ..labels.class_table import ClassTable
from ..passes.findings import each_id
from ..passes.search_suspects import image_suspects, shown_rows
from ..records.record_parts import COMPLETE, SuspectPart
from ..records.run_record import RunRecord, load_record
from ..samples.private_fiftyone import root_of
from ..store.run_folder import RunFolder
from ..store.sets import SuspectSet
from ..suspects.config import SuspectConfig
from ..suspects.image_suspects import ImageSuspects
from .published import recorded_suspects

#: Shards of images that are looked at together
_SHARDS = 32
#: Least part of a pixel by which a moved box is elsewhere
_MOVED = 0.5


@database_errors()
def collect_edits(
    collection: fo.Dataset | fo.DatasetView,
    key: str = "lq",
    *,
    reviewer: str | None = None,
    view: fo.DatasetView | None = None,
) -> Edits:
    """Takes what was edited among a run's suspects in the App's Annotate tab as verdicts.

    Exports, corrected masks, comparisons, learning, new searches and the count of what is reviewed do so by
    themselves. A suspect that was redrawn or moved is *edited*: the mask is wrong there, with the shape as drawn and
    the class as set. One that only has another class is *confirmed* with that class, or *rejected* where that is the
    given one. A region that was drawn where nothing was found is *added*. A suspect that was deleted is kept as
    *deleted* beside the rejected ones: its place stays as given.

    Args:
        collection: the dataset, or a view of it; all of the run's suspects are looked at
        key: the run's key
        reviewer: who has edited; by default the user of this computer, as the App does not say who it was
        view: patches of suspects that are on show, to be kept up to date beside the run's own

    Returns:
        what is new, and what is not clear

    Raises:
        LabelQualityError: no such run, or it has no suspects
    """
    dataset = root_of(collection)
    record = load_record(dataset, key)
    if not dataset.has_sample_field(field_name(key, SUSPECTS)):
        raise LabelQualityError(f"Run '{key}' has no suspects that could have been edited: find suspects first.")
    return edits_of(dataset, record, reviewer=reviewer, view=view)


def edits_of(
    dataset: fo.Dataset, record: RunRecord, *, reviewer: str | None = None, view: fo.DatasetView | None = None
) -> Edits:
    """The same for a run whose record is known, and whose suspects are in the dataset."""
    deleted, moved = 0, set[ObjectId]()
    for missing, elsewhere in _differences(dataset, record):
        if (missing or elsewhere) and _are_replaced(dataset, record):
            break
        record_deleted(dataset, record.key, missing, reviewer)
        deleted += sum(map(len, missing.values()))
        moved |= elsewhere
    names = ClassTable.from_dict(record.class_table).names if record.class_table else ()
    settled = settle_edits(dataset, record.key, names, moved=moved, reviewer=reviewer, view=view)
    return replace(settled, deleted=deleted)


def _are_replaced(dataset: fo.Dataset, record: RunRecord) -> bool:
    """Whether the run's suspects are others than its record said when it was read, or are just being written."""
    before, now = record.suspects, load_record(dataset, record.key).suspects
    return before is None or now is None or now.status != COMPLETE or now.set != before.set


def found_again(
    dataset: fo.Dataset, record: RunRecord, wanted: Mapping[str, Collection[float]]
) -> dict[str, list[Document]]:
    """Suspects as the run has found them, whatever has been done to them since; only such as its files still have.

    Args:
        dataset: the dataset
        record: of the run
        wanted: sample id to the evidence of the suspects that are looked for
    """
    part, found = record.suspects, dict[str, list[Document]]()
    if not isinstance(part, SuspectPart) or not record.folder:
        return found
    names, instances = ClassTable.from_dict(record.class_table).names, instances_of(dataset, record)
    least = SuspectConfig.from_params(part.config).min_probability
    for store in recorded_suspects(RunFolder(record.folder), record):
        for image in image_suspects(store, shown_rows(store, least)):
            evidence = wanted.get(image.sample_id, ())
            if evidence:
                documents = suspect_documents(image, names, instances)
                found[image.sample_id] = [one for one in documents if one["evidence"] in evidence]
    return found


def _differences(dataset: fo.Dataset, record: RunRecord) -> Iterator[tuple[dict[str, list[Document]], set[ObjectId]]]:
    """The suspects that are gone, by sample, and ids of those that are elsewhere, some images at a time.

    Nothing where the run's files are gone, or its suspects are just being written.
    """
    part = record.suspects
    if not isinstance(part, SuspectPart) or part.status != COMPLETE or not record.folder:
        return
    names, instances = ClassTable.from_dict(record.class_table).names, instances_of(dataset, record)
    least = SuspectConfig.from_params(part.config).min_probability
    for store in recorded_suspects(RunFolder(record.folder), record):
        rows = shown_rows(store, least)
        while portion := list(islice(rows, _SHARDS)):
            files = {path: sample for row in portion for sample, path in _files(store, row)}
            regions = dict(published_regions(dataset, record.key, list(dict.fromkeys(files.values()))))
            there = {one.get("mask_path") for several in regions.values() for one in several}
            # Few have lost their file, and fewer still are elsewhere: only those are looked at more closely
            edited = {sample for path, sample in files.items() if path not in there and sample in regions}
            elsewhere = set(_moved(portion, store, regions))
            missing = dict[str, list[Document]]()
            for image in image_suspects(store, portion) if edited else ():
                gone = _gone(image, regions[image.sample_id]) if image.sample_id in edited else ()
                if gone:
                    found = suspect_documents(image, names, instances)
                    missing[image.sample_id] = [one for one in found if one["mask_path"] in gone]
            yield missing, elsewhere


def _files(store: SuspectSet, row: dict[str, Any]) -> list[tuple[str, str]]:
    """The sample and the file of the mask of each region of a shard's results."""
    ids = each_id(row)
    return list(zip(ids, store.mask_files(ids, row["numbers"].tolist()), strict=True))


def _gone(image: ImageSuspects, regions: Sequence[Document]) -> set[str]:
    """The files of the suspects that were found in an image and that nothing is left of.

    What was redrawn has no file any more, and what is of a version before may have another evidence.
    """
    evidence, files = ({one.get(name) for one in regions} for name in ("evidence", "mask_path"))
    found = zip(image.masks, image.evidence.tolist(), strict=True)
    return {path for path, nats in found if path not in files and nats not in evidence}


def _moved(
    rows: Sequence[dict[str, Any]], store: SuspectSet, regions: Mapping[str, Sequence[Document]]
) -> Iterator[ObjectId]:
    """Ids of the regions that have the file of their mask and are not where the run has found them."""
    known = {one.get("mask_path"): one for several in regions.values() for one in several}
    for row in rows:
        sizes = row["sizes"][:, [1, 0, 1, 0]].repeat(row["counts"], axis=0)
        found = [(place, known[path]) for place, (_, path) in enumerate(_files(store, row)) if path in known]
        places = [place for place, _ in found]
        boxes = np.array([one["bounding_box"] for _, one in found], float).reshape(-1, 4)
        shift = np.abs(boxes * sizes[places] - row["box"][places]).max(axis=1, initial=0)
        for moved in np.flatnonzero(shift >= _MOVED).tolist():
            if found[moved][1].get("verdict") != EDITED:
                yield found[moved][1]["_id"]
