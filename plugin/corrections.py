"""Corrected masks: copies of the given ones in which confirmed suspect regions have the class they should be."""

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

from . import display
from .class_table import ClassTable
from .containers import make_folder, write_bytes
from .database_errors import database_errors
from .errors import LabelQualityError, SampleError
from .fields import check_names, create_fields, field_name, own_fields
from .images import read_mask
from .inputs import SegmentationSamples, open_samples
from .progress import Progress, silent
from .runs import RunRecord, load_record
from .slices import images_of
from .suspect_fields import SUSPECTS
from .verdicts import CONFIRMED, REJECTED

CORRECTED = "corrected"
#: Which regions are corrected: those that a person has confirmed, or all but the rejected
REGIONS = (CONFIRMED, "all")
_ATTRIBUTES = ("suggested", "bounding_box", "mask_path", "verdict", "corrected_to")
#: A file that says whose masks the folder is for
_MARKER = ".label_quality"
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
    """

    field: str
    folder: str
    images: int
    regions: int


def default_folder(dataset: fo.Dataset, key: str) -> str:
    """Where corrected masks go unless told otherwise: beside the run's own files, as they outlive the run."""
    return os.path.join(fo.config.default_dataset_dir, "label_quality", dataset.slug, f"{key}_{CORRECTED}")


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
    progress: Progress = silent,
) -> Corrected:
    """Writes corrected masks as PNG files named like their images, and shows them in the field ``<key>_corrected``.

    The given masks are only read. Doing it again replaces the masks of the time before; deleting the run deletes the
    field and leaves the files.

    Args:
        collection: the dataset, or a view of the images that are wanted
        key: the run's key
        regions: ``confirmed`` ones only, or ``all`` that nobody has rejected
        complete: write the masks of images without such a region too, as they are, for a whole new training set
        output_dir: the folder, or None for one below FiftyOne's dataset folder
        progress: told after every mask

    Returns:
        what was written

    Raises:
        LabelQualityError: there is nothing to correct, or a file is in the way
        SampleError: a mask cannot be read
    """
    dataset = collection._root_dataset
    record = _check(dataset, key, regions)
    name = field_name(key, CORRECTED)
    check_names(dataset, key, [name])
    table = ClassTable.from_dict(record.class_table)
    changes = _changes(_to_correct(collection, key, regions), key)
    if not changes:
        raise LabelQualityError(_nothing(regions))
    everything = collection if complete else images_of(dataset).select(list(changes))
    everything = images_of(everything).exists(record.label_field)
    samples = open_samples(everything, record.label_field, classes=table.mask_targets())
    folder = _own_folder(output_dir or default_folder(dataset, key), name)
    files = _files(samples, folder)
    if dataset.has_sample_field(name):
        _remove_old(images_of(dataset).exists(name).values(f"{name}.mask_path"), folder, files)
    kind = {"ftype": fo.EmbeddedDocumentField, "embedded_doc_type": fo.Segmentation}
    create_fields(dataset, key, {name: {**kind, "description": _description(record, regions)}})
    dataset.clear_sample_field(name)
    dataset.mask_targets = {**dataset.mask_targets, name: table.mask_targets()}
    display.show_suspects(dataset, key, own_fields(dataset, key))
    written: dict[str, Path] = {}
    for index, (sample_id, file) in enumerate(zip(samples.ids, files, strict=True)):
        mask = _corrected(samples, index, changes.get(sample_id, ()), table)
        write_bytes(file, _png(mask, sample_id))
        written[sample_id] = file
        if len(written) == _A_WRITE or index == len(samples) - 1:
            labels = {one: fo.Segmentation(mask_path=str(path)) for one, path in written.items()}
            dataset.set_values(name, labels, key_field="id")
            written = {}
        progress("Writing corrected masks", index + 1, len(samples))
    return Corrected(name, str(folder), len(samples), sum(len(changes.get(one, ())) for one in samples.ids))


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
    schema = view.get_field_schema(flat=True)
    names = [name for name in _ATTRIBUTES if f"{field}.{name}" in schema]
    ids, *columns = view.values(["id", *(f"{field}.{name}" for name in names)])
    rows = zip(*columns, strict=True)
    return {
        sample_id: [dict(zip(names, one, strict=True)) for one in zip(*row, strict=True)][::-1]
        for sample_id, row in zip(ids, rows, strict=True)
    }


def _files(samples: SegmentationSamples, folder: Path) -> list[Path]:
    """A file for each mask, named after its image; where two images share a name, with the sample's id too."""
    stems = [Path(path).stem for path in samples.image_paths]
    names = Counter(stems)
    return [
        folder / (f"{stem}.png" if names[stem] == 1 else f"{stem}-{sample_id}.png")
        for stem, sample_id in zip(stems, samples.ids, strict=True)
    ]


def _own_folder(output_dir: str | os.PathLike[str], field: str) -> Path:
    """The folder, made and marked as the field's; raises `LabelQualityError` where other files are in it."""
    folder = Path(os.path.abspath(os.path.expanduser(output_dir)))
    marker = folder / _MARKER
    make_folder(folder)
    if not marker.exists() and any(folder.iterdir()):
        raise LabelQualityError(f"There are other files in {folder}. Give another `output_dir`, such as an empty one.")
    if marker.exists() and marker.read_text() != field:
        raise LabelQualityError(f"The masks of '{marker.read_text()}' are in {folder}. Give another `output_dir`.")
    write_bytes(marker, field.encode())
    return folder


def _remove_old(paths: Iterable[str], folder: Path, kept: Sequence[Path]) -> None:
    """Removes masks of the time before that were not written again."""
    new = {str(path) for path in kept}
    for path in paths:
        if Path(path).parent == folder and path not in new:
            Path(path).unlink(missing_ok=True)


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
    path, name = region["mask_path"], region.get("corrected_to") or region["suggested"]
    if name not in table.names:
        raise SampleError(f"Expected a class of the run, but a region should be {name!r}.", sample_id=sample_id)
    inside = read_mask(path, sample_id) > 0
    left, top = (round(share * size) for share, size in zip(region["bounding_box"], mask.shape[1::-1], strict=False))
    window = mask[top : top + inside.shape[0], left : left + inside.shape[1]]
    if window.shape[:2] != inside.shape:
        raise SampleError(
            "The given mask has another size than when the suspects were found: find suspects again.",
            sample_id=sample_id,
        )
    value = table.ids[table.names.index(name)]
    window[inside] = value if table.colors is None else (value >> 16, value >> 8 & 255, value & 255)


def _png(mask: np.ndarray, sample_id: str) -> bytes:
    """A PNG of (H, W) values in 0..65535, or of (H, W, 3) RGB."""
    values = mask.astype(np.uint8 if mask.max(initial=0) <= 255 else np.uint16)
    done, data = cv2.imencode(".png", np.ascontiguousarray(values[..., ::-1] if values.ndim == 3 else values))
    if not done:
        raise SampleError(f"Its mask of shape {mask.shape} cannot be written as PNG.", sample_id=sample_id)
    return data.tobytes()


def _description(record: RunRecord, regions: str) -> str:
    which = "confirmed suspect regions" if regions == CONFIRMED else "all suspect regions that nobody rejected"
    return f"Given masks in which {which} have the class that they should be. Given masks: {record.label_field}."


def _nothing(regions: str) -> str:
    if regions == CONFIRMED:
        return "No suspect region is confirmed yet: review the suspects first, or correct all with regions='all'."
    return "There is no suspect region to correct."
