"""Clean datasets: all images with the best masks that are known, exported, and a manifest of what was changed and why.

A suspect that a person has confirmed, or drawn in the App, has the class that it should be; where one is rejected or
nothing was found, the given mask stays. The given masks are only read.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import fiftyone as fo
import numpy as np

from ..base.database_errors import database_errors
from ..base.errors import LabelQualityError, SampleError
from ..base.file_digest import file_digest
from ..base.portions import portions
from ..base.progress import Progress, showing
from ..corrections.loaded_masks import LoadedMasks, lay_over, read_loaded
from ..dataset.verdicts import ADDED, CORRECTIONS, EDITED, RESOLVED, WRONG
from ..labels.file_doubts import check_size
from ..labels.ignored_value import ignored_value, with_ignored
from ..labels.images import image_header
from ..labels.masks import check_storable, encode
from ..records.run_record import RunRecord, versions
from ..regions.reviewed import (
    PORTION,
    Region,
    Regions,
    given_mask,
    has_suspects,
    mask_value,
    paint,
    pixels_of,
    reviewed_run,
    stored_values,
    unchanged_samples,
)
from ..review.choose_images import whole_samples
from ..runs.collect_edits import collect_edits
from ..samples.failures import Failures
from ..samples.inputs import SegmentationSamples
from ..samples.private_fiftyone import root_of
from ..store.export_folder import check_export_dir, filled
from .config import DROP, IGNORE, KEEP, CleanRequest
from .formats import FORMATS, ExportFormat, open_format
from .manifest import MANIFEST, Manifest, describe_region, open_manifest

#: What the class of pixels becomes that are suspect and that nobody has reviewed
IGNORED = "ignored"


@dataclass
class ExportedDataset:
    """What was exported.

    Args:
        folder: where it is
        manifest: the file that says what was changed, by whom and why
        images: that were exported
        changed: of these, images with pixels that have another value now
        corrections: images whose corrected mask was loaded and differs from the given one
        regions: suspects that were corrected
        pixels: that have another value now
        ignored: suspects that nobody has reviewed and whose pixels have the ignored value
        ignored_pixels: how many these are
        unreviewed: suspects that nobody has reviewed, in all images that were asked for
        dropped: images that were left out because of such suspects
        without_mask: images that were left out as they have no given mask
        failures: a sentence for every image that was left out as it cannot be exported
        unclear: a sentence for every region that somebody has drawn or renamed in the App and that says nothing: it has
            no mask, or no class of the run. It counts as one that nobody has reviewed
    """

    folder: str
    manifest: str
    images: int = 0
    changed: int = 0
    corrections: int = 0
    regions: int = 0
    pixels: int = 0
    ignored: int = 0
    ignored_pixels: int = 0
    unreviewed: int = 0
    dropped: int = 0
    without_mask: int = 0
    failures: tuple[str, ...] = ()
    unclear: tuple[str, ...] = ()


@dataclass
class Plan:
    """What is to be done, found before anything is written.

    Args:
        to_change: ids of samples with a corrected mask, or with regions to correct or to ignore
        to_drop: ids of samples to leave out
        unreviewed: regions that nobody has reviewed
        unclear: a sentence for each region that somebody has drawn or renamed in the App and that says nothing yet
    """

    to_change: set[str] = field(default_factory=set)
    to_drop: set[str] = field(default_factory=set)
    unreviewed: int = 0
    unclear: tuple[str, ...] = ()


@database_errors()
def plan_export(collection: fo.Dataset | fo.DatasetView, key: str, unreviewed: str = KEEP) -> Plan:
    """What an export would do; raises `LabelQualityError` where there is no such run, or it has no suspects."""
    dataset = root_of(collection)
    record = reviewed_run(dataset, key)
    plan = Plan()
    if has_suspects(dataset, key):
        plan.unclear = collect_edits(dataset, key).unclear
    regions, loaded = Regions(dataset, record), LoadedMasks(dataset, record)
    for portion in portions(whole_samples(collection).values("id"), PORTION):
        plan.to_change |= loaded.of(portion).keys()
        for sample_id, here in regions.of(portion).items():
            verified = sum(map(is_verified, here))
            left = len(here) - verified
            plan.unreviewed += left
            if left and unreviewed == DROP:
                plan.to_drop.add(sample_id)
                plan.to_change.discard(sample_id)
                continue
            if verified or (left and unreviewed == IGNORE):
                plan.to_change.add(sample_id)
    return plan


def is_verified(region: Region) -> bool:
    """Whether a person has said that the mask is wrong there, by a verdict or by drawing it in the App."""
    return region.get("verdict") in WRONG


@database_errors()
def export_clean_dataset(
    collection: fo.Dataset | fo.DatasetView,
    key: str = CleanRequest.key,
    *,
    progress: Progress | bool | None = False,
    **parameters: Any,
) -> ExportedDataset:
    """Exports all images with the best masks that are known, in a format of FiftyOne's, with ``manifest.json``.

    Where corrected masks were loaded, the mask is as they are. Where a suspect is confirmed or was drawn in the App, it
    has the class that it should be there; where one is rejected or nothing was found, it is as given. The dataset and
    the given masks are only read, but that what was edited in the App is taken as a verdict first, see `collect_edits`.
    What is exported goes to a new or empty folder, as a whole or not at all; after a kill the same call begins anew.

    Memory does not grow with the number of images, but for COCO, whose one file FiftyOne writes at the end.

    Args:
        collection: the dataset, or a view of the images that are wanted
        key: the run's key
        progress: True for bars in the terminal or notebook; or a `Progress`, told after every image
        **parameters: of `config.CleanRequest`: export_dir (needed), dataset_type, unreviewed, media, skip_failures

    Returns:
        what was exported

    Raises:
        LabelQualityError: no such run, a parameter that is none of those above, a folder with other files, or nothing
            to export
        SampleError: an image or a mask has changed since the run or cannot be read, and ``skip_failures`` is not set
    """
    request = CleanRequest.from_params({"key": key, **parameters})
    dataset = root_of(collection)
    record = reviewed_run(dataset, key)
    root = check_export_dir(request.export_dir)
    asked = whole_samples(collection)
    wanted = asked.exists(record.label_field)
    without_mask = len(asked) - len(wanted)
    if not len(wanted):
        raise LabelQualityError(f"None of the images that are to be exported has a mask in '{record.label_field}'.")
    plan = plan_export(asked, key, request.unreviewed)
    left = [one for one in wanted.values("id") if one not in plan.to_drop] if plan.to_drop else None
    if left == []:
        raise LabelQualityError(
            "There is nothing to export: all images have a suspect that nobody has reviewed. Review them first, or "
            "export with unreviewed='keep' or unreviewed='ignore'."
        )
    samples, failures = unchanged_samples(record, wanted, plan.to_change, request.skip_failures, left)
    made = ExportedDataset(
        *(str(root), str(root / MANIFEST)),
        unreviewed=plan.unreviewed,
        without_mask=without_mask,
        unclear=plan.unclear,
    )
    export = _Export(samples, record, request, plan.to_change, failures, made)
    with showing(progress) as progress, ExitStack() as stack:
        folder = stack.enter_context(filled(root))
        manifest = stack.enter_context(open_manifest(folder, export.head()))
        regions = Regions(dataset, record)
        export.note_dropped(manifest, regions, asked, plan.to_drop)
        with open_format(folder, request, export.table, samples.image_paths) as written:
            export.write(written, manifest, regions, folder, progress)
        failures.require(made.images)
        for one in failures.to_dicts():
            manifest.add({**one, "outcome": "left out"})
        made.failures = failures.sentences()
        counts = {**dataclasses.asdict(made), "failures": len(made.failures), "unclear": len(made.unclear)}
        numbers = {name: value for name, value in counts.items() if isinstance(value, int)}
        manifest.end({"unclear": list(made.unclear), "counts": numbers})
    return made


class _Export:
    """One export, image by image.

    Args:
        samples: the images to export
        record: of the run
        request: what was asked for
        to_change: ids of the samples with a corrected mask, or with regions to correct or to ignore
        failures: samples that are left out, as they are found
        made: counts what is exported
    """

    def __init__(
        self,
        samples: SegmentationSamples,
        record: RunRecord,
        request: CleanRequest,
        to_change: Collection[str],
        failures: Failures,
        made: ExportedDataset,
    ) -> None:
        self._samples = samples
        self._record = record
        self._request = request
        self._to_change = to_change
        self._failures = failures
        self._made = made
        self._loaded = LoadedMasks(samples.dataset, record)
        self._ignored = ignored_value(samples.class_table)
        self.table = samples.class_table
        if request.unreviewed == IGNORE:
            self.table = with_ignored(samples.class_table, self._ignored)

    def head(self) -> dict[str, Any]:
        """What the manifest says before the images."""
        record, request = self._record, self._request
        run = {name: getattr(record, name) for name in ("key", "label_field", "created", "source", "versions")}
        ignored = self.table.ignored if self.table.colors is None else self.table.ignored_colors
        return {
            "run": {**run, "dataset": self._samples.dataset.name},
            "export": {**request.to_dict(), "created": _now()},
            "versions": {**versions(), "fiftyone": fo.__version__},
            "classes": {str(value): name for value, name in self.table.mask_targets().items()},
            "unlabelled": None if self.table.unlabelled is None else self.table.names[self.table.unlabelled],
            "ignored": [str(value) for value in ignored],
            "ignored_as": FORMATS[request.dataset_type].ignored_as,
        }

    def note_dropped(self, manifest: Manifest, regions: Regions, asked: fo.DatasetView, dropped: set[str]) -> None:
        """Notes the images that are left out because of what nobody has reviewed."""
        ids, paths = asked.values(["id", "filepath"])
        images = [(one, path) for one, path in zip(ids, paths, strict=True) if one in dropped]
        for portion in portions(images, PORTION):
            found = regions.of([sample_id for sample_id, _ in portion])
            for sample_id, path in portion:
                why = [describe_region(one, None) for one in found.get(sample_id, ()) if not is_verified(one)]
                manifest.add({"sample_id": sample_id, "filepath": path, "outcome": "dropped", "regions": why})
        self._made.dropped = len(images)

    def write(
        self, written: ExportFormat, manifest: Manifest, regions: Regions, folder: Path, progress: Progress
    ) -> None:
        """Exports all images."""
        done = 0
        for portion in portions(range(len(self._samples)), PORTION):
            ids = [self._samples.ids[index] for index in portion]
            found, loaded = regions.of(ids), self._loaded.of(ids)
            for index, sample_id in zip(portion, ids, strict=True):
                # What is decided from now on is for the next export: these masks were not checked for it
                wanted = sample_id in self._to_change
                regions_here, corrected = found.get(sample_id, ()) if wanted else (), loaded.get(sample_id)
                try:
                    self._image(index, regions_here, corrected if wanted else None, written, manifest, folder)
                except SampleError as error:
                    self._failures.add(error)
                done += 1
                progress("Exporting", done, len(self._samples))

    def _image(
        self,
        index: int,
        regions: Sequence[Region],
        corrected: str | None,
        written: ExportFormat,
        manifest: Manifest,
        folder: Path,
    ) -> None:
        sample_id, image_path = self._samples.ids[index], self._samples.image_paths[index]
        given = given_mask(self._samples, index)
        check_storable(given, sample_id)
        check_size(
            given.shape[:2], image_header(image_path, sample_id), image_path, sample_id, self._samples.mask_paths[index]
        )
        loaded = given if corrected is None else read_loaded(corrected, given, self._samples.class_table, sample_id)
        mask, described = self._corrected(given, loaded, regions, sample_id)
        labels = self._encoded(mask, index)
        image, mask_file = written.add(image_path, mask, labels, sample_id, self._left_open(regions))
        pixels = int(np.count_nonzero(_differ(mask, given)))
        self._made.images += 1
        self._made.corrections += corrected is not None
        if not described and corrected is None:
            return
        self._count(described, pixels)
        correction = {"correction": self._loaded.describe(corrected, _differ(loaded, given))} if corrected else {}
        manifest.add(
            {
                "sample_id": sample_id,
                "filepath": image_path,
                "outcome": "changed" if pixels else "as given",
                "image": image,
                "mask": mask_file,
                "given": self._given(index, given),
                "written": None if mask_file is None else {"sha256": file_digest(folder / mask_file)},
                "pixels": pixels,
                **correction,
                "regions": described,
            }
        )

    def _corrected(
        self, given: np.ndarray, loaded: np.ndarray, regions: Sequence[Region], sample_id: str
    ) -> tuple[np.ndarray, list[dict[str, Any]]]:
        """The mask with its regions changed, and what was done with each; where it was corrected, that prevails."""
        mask, described = loaded.copy(), []
        # What people have said goes over what nobody has looked at
        for region in (*self._left_open(regions), *filter(is_verified, regions)):
            before, table = mask, self._samples.class_table
            if loaded is not given and region.get("outcome") == RESOLVED:
                # The corrected mask says what all of it is
                inside, became, before = pixels_of(region, mask.shape[:2], sample_id), region["label"], given
            elif is_verified(region):
                mask = mask.copy()
                inside, became = paint(mask, region, table, sample_id), region["label"]
            else:
                mask = mask.copy()
                inside, became = pixels_of(region, mask.shape[:2], sample_id), IGNORED
                mask[inside] = mask_value(self.table, self._ignored)
            mask = lay_over(mask, given, loaded)
            verdict = "corrected" if region.get("verdict_from") == CORRECTIONS else region.get("verdict")
            shown = {**region, "verdict": verdict, "drawn": region.get("verdict") in (EDITED, ADDED)}
            pixels = int(np.count_nonzero(_differ(mask, before) & inside))
            described.append(describe_region(shown, became, inside, pixels))
        return mask, described

    def _left_open(self, regions: Sequence[Region]) -> list[Region]:
        """The regions that are ignored, as nobody has reviewed them."""
        return [one for one in regions if not is_verified(one)] if self._request.unreviewed == IGNORE else []

    def _encoded(self, mask: np.ndarray, index: int) -> np.ndarray:
        try:
            return encode(mask, self.table, self._record.unknown)
        except LabelQualityError as error:
            path = self._samples.mask_paths[index]
            raise SampleError(str(error), sample_id=self._samples.ids[index], path=path) from error

    def _given(self, index: int, mask: np.ndarray) -> dict[str, Any]:
        """The given mask's file and its digest; of one in the database, that of its pixels as files have them."""
        path = self._samples.mask_paths[index]
        pixels = np.ascontiguousarray(stored_values(mask)).tobytes() if path is None else b""
        digest = hashlib.sha256(pixels).hexdigest() if path is None else file_digest(path)
        return {"mask_path": path, "sha256": digest}

    def _count(self, described: Sequence[Mapping[str, Any]], pixels: int) -> None:
        ignored = [one for one in described if one["became"] == IGNORED and one["verdict"] is None]
        self._made.changed += bool(pixels)
        self._made.pixels += pixels
        self._made.regions += len(described) - len(ignored)
        self._made.ignored += len(ignored)
        self._made.ignored_pixels += sum(one["pixels"] for one in ignored)


def _differ(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Which pixels of two masks of one shape differ, (H, W) bool."""
    differ = one != other
    return np.asarray(differ.any(axis=2) if differ.ndim == 3 else differ)


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
