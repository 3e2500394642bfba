"""Corrected masks: copies of the given ones in which confirmed suspects have the class they should be."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import fiftyone as fo
import numpy as np
from fiftyone import ViewField as F

from ..base.database_errors import database_errors
from ..base.errors import LabelQualityError, SampleError
from ..base.progress import Progress, silent
from ..dataset import display
from ..dataset.fields import check_names, create_fields, field_name, own_fields
from ..dataset.run_record import RunRecord, load_record
from ..dataset.suspect_fields import SUSPECTS
from ..dataset.verdicts import CONFIRMED, REJECTED
from ..labels.class_table import ClassTable
from ..runs.housekeeping import dataset_folder, dataset_id, default_parent
from ..runs.kept import check_unchanged, scored_states
from ..runs.published import recorded_scores, recorded_suspects
from ..runs.search_suspects import found_masks
from ..samples.failures import Failures
from ..samples.inputs import SegmentationSamples, open_samples
from ..samples.private_fiftyone import root_of, stored_samples
from ..samples.slices import images_of
from ..store.run_folder import RunFolder
from .region_masks import place_region, redrawn
from .written_files import WrittenFiles

CORRECTED = "corrected"
#: Which regions are corrected: those that a person has confirmed, or all but the rejected
REGIONS = (CONFIRMED, "all")
_ATTRIBUTES = ("id", "label", "bounding_box", "mask_path", "evidence")
#: Masks before their paths are written to the dataset
_A_WRITE = 200


@dataclass(frozen=True)
class Corrected:
    """What was written.

    Args:
        field: of the corrected masks
        folder: where they are
        images: masks that were written
        regions: regions that were corrected in them
        failures: a sentence for every sample that was left out
    """

    field: str
    folder: str
    images: int
    regions: int
    failures: tuple[str, ...] = ()


def default_folder(dataset: fo.Dataset, key: str) -> str:
    """Where corrected masks go unless told otherwise: beside the run's own files, as they outlive the run."""
    return str(dataset_folder(dataset, default_parent()) / f"{key}_{CORRECTED}")


@database_errors()
def count(dataset: fo.Dataset, key: str, regions: str = CONFIRMED) -> tuple[int, int]:
    """The numbers of images and of regions that would be corrected."""
    _check(dataset, key, regions)
    view = _to_correct(dataset, key, regions)
    return len(view), view.count(f"{field_name(key, SUSPECTS)}.detections")


@database_errors()
def write_corrected_masks(
    collection: fo.Dataset | fo.DatasetView,
    key: str = "lq",
    *,
    regions: str = CONFIRMED,
    complete: bool = False,
    output_dir: str | os.PathLike[str] | None = None,
    skip_failures: bool = False,
    progress: Progress = silent,
) -> Corrected:
    """Writes corrected masks as PNG files named like their images, and shows them in the field ``<key>_corrected``.

    The given masks are only read, and must be those that the suspects were found in. Doing it again replaces the masks
    of the time before, but none that somebody has changed or put there; deleting the run deletes the field and leaves
    the files.

    Args:
        collection: the dataset, or a view of the images that are wanted
        key: the run's key
        regions: ``confirmed`` ones only, or ``all`` that nobody has rejected
        complete: write the masks of images without such a region too, as they are, for a whole new training set
        output_dir: the folder, or None for one below FiftyOne's dataset folder
        skip_failures: leave images out that have changed since the run or cannot be corrected, instead of raising
        progress: told after every mask

    Returns:
        what was written

    Raises:
        LabelQualityError: there is nothing to correct, or a file is in the way
        SampleError: an image or a mask has changed since the run or cannot be read, and ``skip_failures`` is not set
    """
    dataset = root_of(collection)
    record = _check(dataset, key, regions)
    name = field_name(key, CORRECTED)
    check_names(dataset, key, [name])
    table = ClassTable.from_dict(record.class_table)
    changes = _changes(_to_correct(collection, key, regions), key)
    if not changes:
        raise LabelQualityError(_nothing(regions))
    wanted = images_of(collection) if complete else images_of(dataset).select(list(changes))
    samples, failures = _unchanged(dataset, record, wanted.exists(record.label_field), changes, table, skip_failures)
    folder = WrittenFiles.opened(output_dir or default_folder(dataset, key), name, dataset_id(dataset))
    files = _files(samples, folder.folder)
    folder.check(files)
    if dataset.has_sample_field(name):
        _remove_old(images_of(dataset).exists(name).values(f"{name}.mask_path"), folder, files)
    kind = {"ftype": fo.EmbeddedDocumentField, "embedded_doc_type": fo.Segmentation}
    create_fields(dataset, key, {name: {**kind, "description": _description(record, regions)}})
    dataset.clear_sample_field(name)
    dataset.mask_targets = {**dataset.mask_targets, name: table.mask_targets()}
    display.show_suspects(dataset, key, own_fields(dataset, key))
    drawn = _with_drawn_masks(dataset, key)
    found = _found_masks(record, drawn)
    written: dict[str, fo.Segmentation] = {}
    images = corrected = 0
    for index, (sample_id, file) in enumerate(zip(samples.ids, files, strict=True)):
        regions_here = changes.get(sample_id, [])
        if sample_id in drawn:
            masks = {one.id: one.mask for one in images_of(dataset)[sample_id][field_name(key, SUSPECTS)].detections}
            regions_here = [
                {**region, "mask": masks.get(region["id"]), "found": found.get((sample_id, region["evidence"]))}
                for region in regions_here
            ]
        try:
            content = _png(_corrected(samples, index, regions_here, table), sample_id)
        except SampleError as error:
            failures.add(error)
        else:
            folder.write(file, content)
            written[sample_id] = fo.Segmentation(mask_path=str(file))
            images, corrected = images + 1, corrected + len(regions_here)
        if len(written) == _A_WRITE or (written and index == len(samples) - 1):
            dataset.set_values(name, written, key_field="id")
            written = {}
        progress("Writing corrected masks", index + 1, len(samples))
    failures.require(images)
    return Corrected(name, str(folder.folder), images, corrected, failures.sentences())


def _check(dataset: fo.Dataset, key: str, regions: str) -> RunRecord:
    if regions not in REGIONS:
        raise LabelQualityError(f"Expected parameter `regions` to be one of {', '.join(REGIONS)}, but got {regions!r}.")
    record = load_record(dataset, key)
    if not dataset.has_sample_field(field_name(key, SUSPECTS)):
        raise LabelQualityError(f"Run '{key}' has no suspects to correct: find suspects first.")
    return record


def _to_correct(collection: fo.Dataset | fo.DatasetView, key: str, regions: str) -> fo.DatasetView:
    """The images that have regions to correct, with those regions."""
    meant = F("verdict") == CONFIRMED if regions == CONFIRMED else F("verdict") != REJECTED
    return images_of(collection).filter_labels(field_name(key, SUSPECTS), meant)


def _changes(view: fo.DatasetView, key: str) -> dict[str, list[dict[str, Any]]]:
    """The regions to correct, by sample; the strongest last, so that it prevails where regions overlap."""
    field = f"{field_name(key, SUSPECTS)}.detections"
    ids, *columns = view.values(["id", *(f"{field}.{name}" for name in _ATTRIBUTES)])
    rows = zip(*columns, strict=True)
    return {
        sample_id: [dict(zip(_ATTRIBUTES, one, strict=True)) for one in zip(*row, strict=True)][::-1]
        for sample_id, row in zip(ids, rows, strict=True)
    }


def _with_drawn_masks(dataset: fo.Dataset, key: str) -> set[str]:
    """Ids of the samples that have a region whose mask is in the database."""
    stored = {f"{field_name(key, SUSPECTS)}.detections.mask": {"$type": "binData"}}
    return {str(one["_id"]) for one in stored_samples(dataset).find(stored, {"_id": True})}


def _found_masks(record: RunRecord, sample_ids: set[str]) -> dict[tuple[str, float], tuple[list[int], Path]]:
    """What the run has found in these samples, as `found_masks` gives it, so far as its files are there."""
    folder = RunFolder(record.folder or "")
    found: dict[tuple[str, float], tuple[list[int], Path]] = {}
    for suspects in recorded_suspects(folder, record) if sample_ids else ():
        found |= found_masks(suspects, sample_ids)
    return {region: (box, path) for region, (box, path) in found.items() if path.exists()}


def _unchanged(
    dataset: fo.Dataset,
    record: RunRecord,
    wanted: fo.DatasetView,
    changes: Mapping[str, Any],
    table: ClassTable,
    skip_failures: bool,
) -> tuple[SegmentationSamples, Failures]:
    """The samples to write masks of, less those to correct that are not what they were when the run was scored."""
    targets, unknown = table.mask_targets(), record.unknown
    samples = open_samples(wanted, record.label_field, classes=targets, unknown=unknown, skip_failures=skip_failures)
    samples.class_table = table
    failures = Failures(
        skip_failures, [*samples.ids, *(str(one.sample_id) for one in samples.failures)], samples.failures
    )
    states = scored_states(recorded_scores(RunFolder(record.folder or ""), record))
    # A region that somebody has drawn may be in an image that was not scored
    for index, sample_id in enumerate(samples.ids):
        if sample_id in changes and sample_id in states:
            try:
                check_unchanged(samples, index, states[sample_id])
            except SampleError as error:
                failures.add(error)
    left = [index for index, sample_id in enumerate(samples.ids) if sample_id not in failures.ids]
    failures.require(len(left))
    return samples.subset(left), failures


def _files(samples: SegmentationSamples, folder: Path) -> list[Path]:
    """A file for each mask, named after its image; where two images share a name, with the sample's id too."""
    stems = [Path(path).stem for path in samples.image_paths]
    names = Counter(stems)
    return [
        folder / (f"{stem}.png" if names[stem] == 1 else f"{stem}-{sample_id}.png")
        for stem, sample_id in zip(stems, samples.ids, strict=True)
    ]


def _remove_old(paths: Iterable[str | None], folder: WrittenFiles, kept: Sequence[Path]) -> None:
    """Removes masks of the time before that are not written again."""
    new = {str(path) for path in kept}
    for path in paths:
        if path and path not in new:
            folder.remove(Path(path))


def _corrected(
    samples: SegmentationSamples, index: int, regions: Sequence[Mapping[str, Any]], table: ClassTable
) -> np.ndarray:
    """The given mask with the regions' classes changed."""
    sample_id = samples.ids[index]
    mask = np.array(samples.load_mask(index))
    if mask.ndim == 3:
        mask = mask[..., :3] if table.colors is not None else mask[..., 0]
    for region in regions:
        _paint(mask, region, table, sample_id)
    return mask


def _paint(mask: np.ndarray, region: Mapping[str, Any], table: ClassTable, sample_id: str) -> None:
    name = region["label"]
    if name not in table.names:
        raise SampleError(
            f"Expected a class of the run ({', '.join(table.names)}), but a suspect should be {name!r}. Confirm it "
            "with another class, or reject it.",
            sample_id=sample_id,
        )
    inside = _inside(region, mask.shape[:2], sample_id)
    value = table.ids[table.names.index(name)]
    colour = value if table.colors is None else (value >> 16, value >> 8 & 255, value & 255)
    mask[inside] = colour


def _inside(region: Mapping[str, Any], size: tuple[int, ...], sample_id: str) -> np.ndarray:
    """The region's pixels, (H, W) bool; of one that was edited in the App, see `region_masks.redrawn`."""
    place = place_region(region, size, sample_id)
    if region.get("mask") is None or region.get("found") is None:
        return place.whole(size)
    box, path = region["found"]
    shares = [pixels / size[1 - axis % 2] for axis, pixels in enumerate(box)]
    found = place_region({"bounding_box": shares, "mask_path": str(path)}, size, sample_id)
    return redrawn(place, found, size)


def _png(mask: np.ndarray, sample_id: str) -> bytes:
    """A PNG of (H, W) values in 0..65535, or of (H, W, 3) RGB."""
    values = mask.astype(np.uint8 if mask.max(initial=0) <= 255 else np.uint16)
    done, data = cv2.imencode(".png", np.ascontiguousarray(values[..., ::-1] if values.ndim == 3 else values))
    if not done:
        raise SampleError(f"Its mask of shape {mask.shape} cannot be written as PNG.", sample_id=sample_id)
    return data.tobytes()


def _description(record: RunRecord, regions: str) -> str:
    which = "confirmed suspects" if regions == CONFIRMED else "all suspects that nobody rejected"
    return f"Given masks in which {which} have the class that they should be. Given masks: {record.label_field}."


def _nothing(regions: str) -> str:
    if regions == CONFIRMED:
        return "No suspect is confirmed yet: review the suspects first, or correct all with regions='all'."
    return "There is no suspect to correct."
