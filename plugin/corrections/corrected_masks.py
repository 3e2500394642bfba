"""Corrected masks: copies of the given ones in which confirmed suspects have the class they should be."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import fiftyone as fo
from fiftyone import ViewField as F

from ..base.database_errors import database_errors
from ..base.errors import LabelQualityError, SampleError
from ..base.progress import Progress, showing
from ..dataset.fields import check_names, create_fields
from ..dataset.region_edits import settle_edits
from ..dataset.suspect_fields import SUSPECTS
from ..dataset.verdicts import CONFIRMED, REJECTED, WRONG
from ..documents import display
from ..documents.documents import clear_fields
from ..documents.ownership import field_name, own_fields
from ..records.run_record import RunRecord
from ..regions.reviewed import PORTION, Regions, as_png, has_suspects, reviewed_run, unchanged_samples
from ..runs.collect_edits import collect_edits
from ..runs.housekeeping import dataset_folder, dataset_id, default_parent
from ..samples.inputs import SegmentationSamples
from ..samples.private_fiftyone import root_of
from ..samples.slices import images_of
from ..store.written_files import WrittenFiles
from .loaded_masks import LoadedMasks, corrected_mask

CORRECTED = "corrected"
#: Which regions are corrected: those that a person has confirmed, or all but the rejected
REGIONS = (CONFIRMED, "all")


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
    settle_edits(dataset, key)
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
    progress: Progress | bool | None = False,
) -> Corrected:
    """Writes corrected masks as PNG files named like their images, and shows them in the field ``<key>_corrected``.

    In these images, corrected masks that were loaded count as far as they differ from the given ones.

    The given masks are only read, and must be those that the suspects were found in. Doing it again replaces the masks
    of the time before, but none that somebody has changed or put there; deleting the run deletes the field and leaves
    the files.

    Args:
        collection: the dataset, or a view of the images that are wanted
        key: the run's key
        regions: ``confirmed`` ones only, with those that were edited or added in the App, or ``all`` that nobody has
            rejected
        complete: write the masks of images without such a region too, as they are, for a whole new training set
        output_dir: the folder, or None for one below FiftyOne's dataset folder
        skip_failures: leave images out that have changed since the run or cannot be corrected, instead of raising
        progress: True for bars in the terminal or notebook; or a `Progress`, told after every mask

    Returns:
        what was written

    Raises:
        LabelQualityError: there is nothing to correct, or a file is in the way
        SampleError: an image or a mask has changed since the run or cannot be read, and ``skip_failures`` is not set
    """
    dataset = root_of(collection)
    with showing(progress) as progress:
        record = _check(dataset, key, regions)
        collect_edits(dataset, key)
        name = field_name(key, CORRECTED)
        check_names(dataset, key, [name])
        to_correct = set(_to_correct(collection, key, regions).values("id"))
        if not to_correct:
            raise LabelQualityError(_nothing(regions))
        wanted = images_of(collection if complete else dataset).exists(record.label_field)
        samples, failures = unchanged_samples(
            record, wanted, to_correct, skip_failures, only=None if complete else to_correct
        )
        folder = WrittenFiles.opened(output_dir or default_folder(dataset, key), name, dataset_id(dataset))
        files = _files(samples, folder.folder)
        folder.check(files)
        if dataset.has_sample_field(name):
            _remove_old(images_of(dataset).exists(name).values(f"{name}.mask_path"), folder, files)
        kind = {"ftype": fo.EmbeddedDocumentField, "embedded_doc_type": fo.Segmentation}
        create_fields(dataset, key, {name: {**kind, "description": _description(record, regions)}})
        clear_fields(dataset, [name])
        dataset.mask_targets = {**dataset.mask_targets, name: samples.class_table.mask_targets()}
        display.show_suspects(dataset, key, own_fields(dataset, key))
        found, loaded_masks, images, corrected = Regions(dataset, record), LoadedMasks(dataset, record), 0, 0
        for first in range(0, len(samples), PORTION):
            indices = range(first, min(first + PORTION, len(samples)))
            ids = [samples.ids[index] for index in indices]
            regions_of, loaded = found.of(ids), loaded_masks.of(ids)
            written: dict[str, fo.Segmentation] = {}
            for index in indices:
                sample_id = samples.ids[index]
                here = [one for one in regions_of.get(sample_id, []) if _is_meant(one.get("verdict"), regions)]
                try:
                    mask = corrected_mask(samples, index, here, loaded.get(sample_id))
                    content = as_png(mask, sample_id)
                except SampleError as error:
                    failures.add(error)
                else:
                    folder.write(files[index], content)
                    written[sample_id] = fo.Segmentation(mask_path=str(files[index]))
                    images, corrected = images + 1, corrected + len(here)
                progress("Writing corrected masks", index + 1, len(samples))
            if written:
                dataset.set_values(name, written, key_field="id")
        failures.require(images)
        return Corrected(name, str(folder.folder), images, corrected, failures.sentences())


def _check(dataset: fo.Dataset, key: str, regions: str) -> RunRecord:
    if regions not in REGIONS:
        raise LabelQualityError(f"Expected parameter `regions` to be one of {', '.join(REGIONS)}, but got {regions!r}.")
    record = reviewed_run(dataset, key)
    if not has_suspects(dataset, key):
        raise LabelQualityError(
            f"Run '{key}' has no suspects to correct: find suspects first. The corrected masks that were loaded are "
            "written, with all others, by export_clean_dataset."
        )
    return record


def _to_correct(collection: fo.Dataset | fo.DatasetView, key: str, regions: str) -> fo.DatasetView:
    """The images that have regions to correct, with those regions."""
    meant = F("verdict").is_in(list(WRONG)) if regions == CONFIRMED else F("verdict") != REJECTED
    return images_of(collection).filter_labels(field_name(key, SUSPECTS), meant)


def _is_meant(verdict: str | None, regions: str) -> bool:
    """Whether a region of this verdict is to be corrected."""
    return verdict in WRONG if regions == CONFIRMED else verdict != REJECTED


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


def _description(record: RunRecord, regions: str) -> str:
    which = "confirmed suspects" if regions == CONFIRMED else "all suspects that nobody rejected"
    return f"Given masks in which {which} have the class that they should be. Given masks: {record.label_field}."


def _nothing(regions: str) -> str:
    if regions == CONFIRMED:
        return "No suspect is confirmed yet: review the suspects first, or correct all with regions='all'."
    return "There is no suspect to correct."
