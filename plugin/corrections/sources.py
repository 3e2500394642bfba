"""Where corrected masks come from: a folder, a field, another dataset; each mask beside the given one of its image."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import fiftyone as fo

from ..annotation.results import fetch_corrections
from ..base.errors import LabelQualityError, SampleError
from ..base.progress import Progress, silent
from ..documents.ownership import owner
from ..labels.class_table import ClassTable
from ..records.run_record import RunRecord
from ..samples.checks import check_mask_field, segmentation_fields
from ..samples.failures import Failures
from ..samples.folders import masks_of_images
from ..samples.inputs import SegmentationSamples, open_samples, raise_together
from ..samples.private_fiftyone import id_of
from ..samples.slices import images_of
from .config import ANNOTATION, ANY, DATASET, FIELD, FOLDER, CorrectionRequest


@dataclass(frozen=True)
class CorrectedSamples:
    """Corrected masks beside the given ones of the same images, which are as large and of the same classes.

    Args:
        words: what they are from, such as "the field 'mended'"
        given: samples with the given masks
        corrected: of each, in the same order, a sample with the corrected mask
        failures: samples that are left out, or that are raised
    """

    words: str
    given: SegmentationSamples
    corrected: SegmentationSamples
    failures: Failures


def open_corrections(
    dataset: fo.Dataset, record: RunRecord, request: CorrectionRequest, progress: Progress = silent
) -> CorrectedSamples:
    """Finds the corrected masks; those of an annotation service are fetched, into a field of their own.

    Args:
        dataset: the dataset
        record: of the run
        request: which
        progress: told what is fetched

    Raises:
        LabelQualityError: there is no such source, or more than one, it has nothing, or something of no image here
        SampleError: a sample has no mask where it should have one, unless ``skip_failures``
    """
    kind = source_kind(dataset, request)
    if kind == FOLDER:
        return _of_folder(dataset, record, request)
    if kind == DATASET:
        return _of_dataset(dataset, record, request)
    if kind == FIELD:
        return _of_field(dataset, record, request, request.source)
    failures: list[SampleError] = []
    field, ids = fetch_corrections(dataset, record, request.source, failures, progress)
    if not request.skip_failures:
        raise_together(failures, len(ids) + len(failures))
    found = _of_field(dataset, record, request, field, ids)
    asked = [*found.failures.asked, *(str(one.sample_id) for one in failures)]
    every = Failures(request.skip_failures, asked, failures)
    every.recall(found.failures.to_dicts())
    return dataclasses.replace(found, words=f"annotation run '{request.source}'", failures=every)


def source_kind(dataset: fo.Dataset, request: CorrectionRequest) -> str:
    """What the source is; raises `LabelQualityError` where that is nothing, or several things."""
    name = request.source
    if request.source_kind == ANNOTATION and name not in dataset.list_annotation_runs():
        raise LabelQualityError(f"{_no_such(dataset, name, 'annotation run')} {_annotation_runs(dataset)}")
    if request.source_kind != ANY:
        return request.source_kind
    found = [
        kind
        for kind, there in (
            (ANNOTATION, name in dataset.list_annotation_runs()),
            (FIELD, name in dataset.get_field_schema()),
            (FOLDER, os.path.isdir(os.path.expanduser(name))),
            (DATASET, fo.dataset_exists(name)),
        )
        if there
    ]
    if len(found) == 1:
        return found[0]
    if found:
        which = " and ".join(found)
        raise LabelQualityError(f"'{name}' is the name of several things: {which}. Say which with `source_kind`.")
    fields = ", ".join(_correction_fields(dataset, None)) or "none"
    raise LabelQualityError(
        f"There is no folder, field, dataset or annotation run '{name}' to load corrected masks from. Fields with "
        f"masks here: {fields}. {_annotation_runs(dataset)}"
    )


def _correction_fields(dataset: fo.Dataset, label_field: str | None) -> list[str]:
    """The fields of masks that no run has made, without the given ones."""
    return [one for one in segmentation_fields(dataset) if owner(dataset, one) is None and one != label_field]


def _annotation_runs(dataset: fo.Dataset) -> str:
    return f"Annotation runs: {', '.join(dataset.list_annotation_runs()) or 'none'}."


def _no_such(dataset: fo.Dataset, name: str, what: str) -> str:
    return f"Dataset '{dataset.name}' has no {what} '{name}'."


def _of_folder(dataset: fo.Dataset, record: RunRecord, request: CorrectionRequest) -> CorrectedSamples:
    folder = Path(os.path.expanduser(request.source))
    ids, paths = images_of(dataset).values(["id", "filepath"])
    found, strange = masks_of_images(paths, folder)
    if strange and not request.skip_failures:
        raise LabelQualityError(_unknown_images([str(one) for one in strange], f"dataset '{dataset.name}'"))
    files = {one: str(path) for one, path in zip(ids, found, strict=True) if path is not None}
    given = _given(dataset, record, list(files), request.skip_failures)
    corrected = _beside(given, [files[one] for one in given.ids])
    return _checked(f"the folder {folder}", given, corrected, request)


def _of_field(
    dataset: fo.Dataset, record: RunRecord, request: CorrectionRequest, field: str, ids: Sequence[str] | None = None
) -> CorrectedSamples:
    """The masks in a field, of all images that have one there, or of those with these ids."""
    _check_field(dataset, record, field)
    view = images_of(dataset).exists(field) if ids is None else images_of(dataset).select(list(ids))
    if not len(view):
        raise LabelQualityError(f"No image of dataset '{dataset.name}' has a mask in '{field}'.")
    opened = _open(view, record, field, request.skip_failures)
    given = _given(dataset, record, opened.ids, request.skip_failures)
    places = {one: index for index, one in enumerate(opened.ids)}
    corrected = opened.subset(places[one] for one in given.ids)
    return _checked(f"the field '{field}'", given, corrected, request)


def _of_dataset(dataset: fo.Dataset, record: RunRecord, request: CorrectionRequest) -> CorrectedSamples:
    """The masks of another dataset's samples, which have the same ids, as a clone's, or else the same images."""
    if not fo.dataset_exists(request.source):
        raise LabelQualityError(f"FiftyOne has no dataset '{request.source}' to load corrected masks from.")
    other = fo.load_dataset(request.source)
    field = request.source_field or record.label_field
    if id_of(other) == id_of(dataset):
        return _of_field(dataset, record, request, field)
    check_mask_field(other, field)
    view = images_of(other).exists(field)
    if not len(view):
        raise LabelQualityError(f"No image of dataset '{other.name}' has a mask in '{field}'.")
    opened = _open(view, record, field, request.skip_failures)
    same = set(images_of(dataset).values("id")).intersection(opened.ids)
    by_path = dict(zip(*images_of(dataset).values(["filepath", "id"]), strict=True)) if len(same) < len(opened) else {}
    own = [one if one in same else by_path.get(path) for one, path in zip(opened.ids, opened.image_paths, strict=True)]
    strange = [path for one, path in zip(own, opened.image_paths, strict=True) if one is None]
    if strange and not request.skip_failures:
        raise LabelQualityError(_unknown_images(strange, f"dataset '{dataset.name}'"))
    places = {one: index for index, one in enumerate(own) if one is not None}
    given = _given(dataset, record, list(places), request.skip_failures)
    corrected = opened.subset(places[one] for one in given.ids)
    return _checked(f"dataset '{other.name}'", given, corrected, request)


def _check_field(dataset: fo.Dataset, record: RunRecord, field: str) -> None:
    check_mask_field(dataset, field)
    if field == record.label_field:
        raise LabelQualityError(
            f"'{field}' has the given masks of run '{record.key}' themselves. Fields with other masks: "
            f"{', '.join(_correction_fields(dataset, field)) or 'none'}."
        )
    if owner(dataset, field) is not None:
        raise LabelQualityError(
            f"The masks in '{field}' were made by run '{owner(dataset, field)}', and by nobody who has corrected them. "
            f"Fields with other masks: {', '.join(_correction_fields(dataset, record.label_field)) or 'none'}."
        )


def _open(
    view: fo.Dataset | fo.DatasetView,
    record: RunRecord,
    field: str,
    skip_failures: bool,
    only: Collection[str] | None = None,
) -> SegmentationSamples:
    table = ClassTable.from_dict(record.class_table)
    samples = open_samples(
        view, field, classes=table.mask_targets(), unknown=record.unknown, skip_failures=skip_failures, only=only
    )
    samples.class_table = table
    return samples


def _given(dataset: fo.Dataset, record: RunRecord, ids: Sequence[str], skip_failures: bool) -> SegmentationSamples:
    return _open(images_of(dataset), record, record.label_field, skip_failures, ids)


def _beside(given: SegmentationSamples, paths: Sequence[str]) -> SegmentationSamples:
    """Samples with the same images, and masks in these files."""
    return SegmentationSamples(
        given.collection, given.label_field, given.ids, given.image_paths, list(paths), given.class_table, given.unknown
    )


def _checked(
    words: str, given: SegmentationSamples, corrected: SegmentationSamples, request: CorrectionRequest
) -> CorrectedSamples:
    found: Mapping[str | None, SampleError] = {one.sample_id: one for one in (*corrected.failures, *given.failures)}
    asked = [*given.ids, *(str(one) for one in found)]
    return CorrectedSamples(words, given, corrected, Failures(request.skip_failures, asked, found.values()))


def _unknown_images(names: Sequence[str], here: str) -> str:
    several = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return (
        f"{names[0]}{several} belong{'' if several else 's'} to no image of {here}. A mask in a folder is called like "
        "its image; samples of another dataset have the same ids or the same images. Leave what is not of this "
        "dataset out, or pass skip_failures=True to load the others."
    )
