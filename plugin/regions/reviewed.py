"""What corrected masks and clean datasets are made of: a run's regions, and given masks with their classes changed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import fiftyone as fo
import fiftyone.core.utils as fou
import numpy as np
from bson import ObjectId

from ..base.errors import LabelQualityError, SampleError
from ..dataset.suspect_fields import SUSPECTS
from ..dataset.verdicts import has_rejected, is_drawn_mask, rejected_name
from ..documents.ownership import field_name
from ..labels.class_table import LARGEST_ID, ClassTable
from ..labels.masks import as_rgb, check_storable
from ..passes.kept import check_unchanged, scored_states
from ..passes.search_suspects import found_masks
from ..records.run_record import RunRecord, check_given_field, load_record
from ..runs.published import recorded_scores, recorded_suspects
from ..samples.failures import Failures
from ..samples.inputs import SegmentationSamples, open_samples
from ..samples.private_fiftyone import stored_samples
from ..store.run_folder import RunFolder
from .masks import place_region, redrawn

#: A region as MongoDB has it, with its ``id`` as text, its ``mask`` as an array where it has one in the database, and
#: ``found``, the box and the file of the mask that the run has found there
Region = Mapping[str, Any]
#: Samples whose regions are in memory at a time
PORTION = 200


def reviewed_run(dataset: fo.Dataset, key: str) -> RunRecord:
    """The record of a run with suspects or corrected masks, whose given masks are there.

    Raises:
        LabelQualityError: there is no such run, or the field of its given masks is gone
    """
    record = load_record(dataset, key)
    if not has_suspects(dataset, key) and record.corrections is None:
        raise LabelQualityError(f"Run '{key}' has no suspects to correct: find suspects first.")
    check_given_field(dataset, record)
    return record


def has_suspects(dataset: fo.Dataset, key: str) -> bool:
    """Whether a run's suspects are on the dataset: a run may not have been asked for them, or not have found out."""
    return bool(dataset.has_sample_field(field_name(key, SUSPECTS)))


class Regions:
    """A run's regions as people have left them.

    Args:
        dataset: the dataset
        record: of the run
        rejected: whether those that are rejected are among them
    """

    def __init__(self, dataset: fo.Dataset, record: RunRecord, *, rejected: bool = False) -> None:
        self._dataset = dataset
        self._field = field_name(record.key, SUSPECTS)
        self._fields = [self._field]
        if rejected and has_rejected(dataset, record.key):
            self._fields.append(rejected_name(record.key))
        self._found = self._found_masks(record)

    def of(self, sample_ids: Collection[str]) -> dict[str, list[Region]]:
        """The regions of some samples, the strongest last, so that it prevails where regions overlap.

        Args:
            sample_ids: `PORTION` of them at most, as the masks that people have drawn come with them
        """
        some = [{f"{field}.detections.0": {"$exists": True}} for field in self._fields]
        wanted = {"_id": {"$in": [ObjectId(one) for one in sample_ids]}, "$or": some}
        return {
            str(one["_id"]): [
                self._region(str(one["_id"]), region)
                for field in self._fields
                for region in ((one.get(field) or {}).get("detections") or [])[::-1]
            ]
            for one in stored_samples(self._dataset).find(wanted, dict.fromkeys(self._fields, True))
        }

    def _region(self, sample_id: str, stored: Mapping[str, Any]) -> Region:
        mask, evidence = stored.get("mask"), stored.get("evidence")
        return {
            **stored,
            "id": str(stored["_id"]),
            "mask": None if mask is None else fou.deserialize_numpy_array(mask),
            "found": None if evidence is None else self._found.get((sample_id, float(evidence))),
        }

    def _found_masks(self, record: RunRecord) -> dict[tuple[str, float], tuple[list[int], Path]]:
        """What the run has found, so far as its files are there, in samples that have a mask in the database."""
        drawn = {f"{self._field}.detections.mask": {"$type": "binData"}}
        sample_ids = {str(one["_id"]) for one in stored_samples(self._dataset).find(drawn, {"_id": True})}
        found: dict[tuple[str, float], tuple[list[int], Path]] = {}
        for suspects in recorded_suspects(RunFolder(record.folder or ""), record) if sample_ids else ():
            found |= found_masks(suspects, sample_ids)
        return {region: (box, path) for region, (box, path) in found.items() if path.exists()}


def unchanged_samples(
    record: RunRecord,
    wanted: fo.Dataset | fo.DatasetView,
    to_correct: Collection[str],
    skip_failures: bool,
    only: Collection[str] | None = None,
) -> tuple[SegmentationSamples, Failures]:
    """The samples to write masks of, less those to correct that are not what they were when the run was scored.

    Args:
        record: of the run
        wanted: samples that have a given mask
        to_correct: ids of those whose mask is to be changed
        skip_failures: leave those out, instead of raising at the first
        only: ids of those of the samples that are meant; None for all

    Raises:
        SampleError: an image or a mask has changed, and ``skip_failures`` is not set
        LabelQualityError: none is left
    """
    table = ClassTable.from_dict(record.class_table)
    targets, unknown = table.mask_targets(), record.unknown
    samples = open_samples(
        wanted, record.label_field, classes=targets, unknown=unknown, skip_failures=skip_failures, only=only
    )
    samples.class_table = table
    failures = Failures(
        skip_failures, [*samples.ids, *(str(one.sample_id) for one in samples.failures)], samples.failures
    )
    states = scored_states(recorded_scores(RunFolder(record.folder or ""), record))
    # A region that somebody has drawn may be in an image that was not scored
    for index, sample_id in enumerate(samples.ids):
        if sample_id in to_correct and sample_id in states:
            try:
                check_unchanged(samples, index, states[sample_id])
            except SampleError as error:
                failures.add(error)
    left = [index for index, sample_id in enumerate(samples.ids) if sample_id not in failures.ids]
    failures.require(len(left))
    return samples.subset(left), failures


def given_mask(samples: SegmentationSamples, index: int) -> np.ndarray:
    """A copy of a given mask: (H, W) int32 values, or (H, W, 3) RGB where the classes have colours."""
    return plain_mask(np.asarray(samples.load_mask(index)), samples.class_table)


def plain_mask(mask: np.ndarray, table: ClassTable) -> np.ndarray:
    """A copy of a mask as it was read: (H, W) int32 values, or (H, W, 3) RGB where the classes have colours."""
    if table.colors is not None:
        return as_rgb(mask).copy()
    # A mask of 8 bits, or of truth values, cannot be given the value of every class
    return np.array(mask[..., 0] if mask.ndim == 3 else mask, np.int32)


def paint(mask: np.ndarray, region: Region, table: ClassTable, sample_id: str) -> np.ndarray:
    """Gives a region's pixels the class that it is labelled with.

    Args:
        mask: (H, W) values or (H, W, 3) RGB, changed in place
        region: the region
        table: the classes
        sample_id: named in errors

    Returns:
        (H, W) bool, the region's pixels

    Raises:
        SampleError: its label is no class of the table, or it has no mask
    """
    name = region.get("label")
    if name not in table.names:
        raise SampleError(
            f"Expected a class of the run ({', '.join(table.names)}), but a suspect should be {name!r}. Confirm it "
            "with another class, or reject it.",
            sample_id=sample_id,
        )
    inside = pixels_of(region, mask.shape[:2], sample_id)
    mask[inside] = mask_value(table, table.ids[table.names.index(name)])
    return inside


def mask_value(table: ClassTable, value: int) -> int | tuple[int, int, int]:
    """What a pixel of a mask is given for a value of the table: the value, or RGB where masks have colours."""
    return value if table.colors is None else (value >> 16, value >> 8 & 255, value & 255)


def pixels_of(region: Region, size: Sequence[int], sample_id: str) -> np.ndarray:
    """A region's pixels, (H, W) bool; of one that was edited in the App, see `region_masks.redrawn`."""
    place = place_region(region, size, sample_id)
    if region.get("mask") is None or region.get("found") is None:
        return place.whole(size)
    box, path = region["found"]
    shares = [pixels / size[1 - axis % 2] for axis, pixels in enumerate(box)]
    found = place_region({"bounding_box": shares, "mask_path": str(path)}, size, sample_id)
    return redrawn(place, found, size)


def is_drawn(region: Region) -> bool:
    """Whether a person has drawn the region in the App."""
    return region.get("mask") is not None and is_drawn_mask(region["mask"])


def box_of(inside: np.ndarray) -> tuple[int, int, int, int]:
    """(left, top, width, height) in pixels of where an (H, W) bool array is True; of none, a width and height of 0."""
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    if not rows.size:
        return 0, 0, 0, 0
    left, top = int(columns[0]), int(rows[0])
    return left, top, int(columns[-1]) - left + 1, int(rows[-1]) - top + 1


def stored_values(mask: np.ndarray) -> np.ndarray:
    """A mask as files have it: uint8, or uint16 where a value is above 255; of values that no file has, as it is."""
    if mask.min(initial=0) < 0 or mask.max(initial=0) > LARGEST_ID:
        return mask
    return mask.astype(np.uint8 if mask.max(initial=0) <= 255 else np.uint16)


def as_png(mask: np.ndarray, sample_id: str) -> bytes:
    """A PNG of (H, W) values in 0..65535, or of (H, W, 3) RGB; raises `SampleError` where there is none of it."""
    check_storable(mask, sample_id)
    values = stored_values(mask)
    done, data = cv2.imencode(".png", np.ascontiguousarray(values[..., ::-1] if values.ndim == 3 else values))
    if not done:
        raise SampleError(f"Its mask of shape {mask.shape} cannot be written as PNG.", sample_id=sample_id)
    return data.tobytes()
