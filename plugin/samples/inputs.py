"""The samples of a run: images and given masks of a FiftyOne dataset or view, checked and read one at a time."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import fiftyone as fo
import numpy as np
from fiftyone import ViewField as F

from ..base.errors import LabelQualityError, SampleError
from ..base.progress import Progress, silent
from ..engine.engine import current_engine, map_samples
from ..labels.file_doubts import check_lossless
from ..labels.given_masks import GivenMasks, Stored, file_state
from ..labels.masks import ClassTable, Target, values_seen
from .checks import Classes, check_collection, check_label_field, class_targets, segmentation_fields
from .private_fiftyone import root_of
from .slices import images_of

__all__ = ["Classes", "SegmentationSamples", "open_samples", "raise_together", "segmentation_fields"]

#: Masks in the database that are in memory at once while their checksums are computed
_DATABASE_BATCH = 32
_SHOWN_SAMPLES = 5


class SegmentationSamples(GivenMasks):
    """Images with given masks of a FiftyOne dataset or view. Made by `open_samples`.

    Args:
        collection: the FiftyOne dataset or view
        label_field: its segmentation field
        ids: of the samples that take part, in the order of the collection
        image_paths: of each sample
        mask_paths: of each sample, None where the mask is in the database
        class_table: the classes
        unknown: what a mask value outside the table is: ``error``, or ``ignore``
        failures: the samples that were left out, and why
        held: as of `GivenMasks`
    """

    def __init__(
        self,
        collection: fo.Dataset | fo.DatasetView,
        label_field: str,
        ids: Sequence[str],
        image_paths: Sequence[str],
        mask_paths: Sequence[str | None],
        class_table: ClassTable,
        unknown: str = "error",
        failures: Sequence[SampleError] = (),
        held: Mapping[str, Stored] | None = None,
    ) -> None:
        super().__init__(ids, image_paths, mask_paths, class_table, unknown, held)
        self.collection = collection
        self.label_field = label_field
        self.failures = list(failures)

    @property
    def dataset(self) -> fo.Dataset:
        """The dataset that the samples belong to, whole."""
        return root_of(self.collection)

    def subset(self, indices: Iterable[int]) -> SegmentationSamples:
        """The samples at these positions, in this order, with the same classes."""
        chosen = super().subset(indices)
        assert isinstance(chosen, SegmentationSamples)
        return chosen

    def values(self, field: str) -> list[Any]:
        """The values of another field, or dotted path, in the order of the samples.

        Raises:
            LabelQualityError: the dataset has no such field
        """
        if self.dataset.get_field(field) is None:
            raise LabelQualityError(
                f"Dataset '{self.dataset.name}' has no field '{field}'; it has "
                f"{', '.join(sorted(self.dataset.get_field_schema()))}."
            )
        ids, values = self.collection.values(["id", field])
        by_id = dict(zip(ids, values, strict=True))
        return [by_id.get(sample_id) for sample_id in self.ids]

    def presence(
        self,
        progress: Progress = silent,
        on_failure: Callable[[SampleError], None] | None = None,
        workers: int | None = None,
    ) -> np.ndarray:
        """Which classes each mask shows; reads and checks every mask once, so bad ones are known before any training.

        Args:
            progress: told after every sample
            on_failure: called for every bad sample, in order; by default they are all collected and raised together
            workers: threads that read masks; None for one a core

        Returns:
            (n, K) bool; all False for a bad sample

        Raises:
            SampleError: exactly one sample is bad, and there is no ``on_failure``
            LabelQualityError: several are
        """
        shown = np.zeros((len(self), self.class_table.size), bool)
        failures: list[SampleError] = []
        report = on_failure or failures.append
        for index, outcome in enumerate(map_samples(GivenMasks.classes_shown, self, len(self), workers=workers)):
            if isinstance(outcome, SampleError):
                report(outcome)
            else:
                shown[index, outcome] = True
            progress("Checking masks", index + 1, len(self))
        raise_together(failures, len(self))
        return shown

    def fingerprint(self) -> str:
        """A hex digest that changes when samples, their order, or an image or mask file (size or time) change.

        Masks in the database count with a checksum of their content.
        """
        digest = hashlib.sha256(self.label_field.encode())
        checksums = self._database_checksums()
        for sample_id, image_path, mask_path in zip(self.ids, self.image_paths, self.mask_paths, strict=True):
            mask = next(checksums) if mask_path is None else file_state(mask_path)
            digest.update(f"{sample_id}\n{file_state(image_path)}\n{mask}\n".encode())
        return digest.hexdigest()

    def _like(
        self,
        ids: Sequence[str],
        image_paths: Sequence[str],
        mask_paths: Sequence[str | None],
        held: Mapping[str, Stored],
    ) -> SegmentationSamples:
        described = self.class_table, self.unknown, self.failures
        return SegmentationSamples(
            self.collection, self.label_field, ids, image_paths, mask_paths, *described, held=held
        )

    def _stored_mask(self, sample_id: str) -> np.ndarray:
        values = self._select([sample_id]).values(f"{self.label_field}.mask")
        if not values or values[0] is None:
            raise SampleError(
                f"the mask of its label in '{self.label_field}' is no longer in the database. Restore it, or leave the "
                "sample out of the view.",
                sample_id=sample_id,
            )
        return values[0]

    def _database_checksums(self) -> Iterator[str]:
        """One checksum for each sample whose mask is in the database, in order."""
        stored = iter([i for i, path in zip(self.ids, self.mask_paths, strict=True) if path is None])
        while batch := list(islice(stored, _DATABASE_BATCH)):
            ids, masks = self._select(batch).values(["id", f"{self.label_field}.mask"])
            by_id = dict(zip(ids, masks, strict=True))
            for sample_id in batch:
                mask = by_id.get(sample_id)
                yield "gone" if mask is None else f"{mask.shape} {mask.dtype} {zlib.crc32(mask.tobytes())}"

    def _select(self, ids: list[str]) -> fo.DatasetView:
        """A view on these samples that costs the same whatever the collection's own stages are."""
        return images_of(self.dataset).select(ids)


def open_samples(
    collection: fo.Dataset | fo.DatasetView,
    label_field: str,
    *,
    classes: Classes | None = None,
    ignored: Iterable[Target] = (),
    unlabelled: Target | None = None,
    unknown: str = "error",
    skip_failures: bool = False,
    progress: Progress = silent,
    workers: int | None = None,
) -> SegmentationSamples:
    """Opens the samples of a dataset or view for a run; reads no image, and masks only where no class names exist.

    Args:
        collection: an image dataset, or a view of one
        label_field: the `fo.Segmentation` field with the given masks
        classes: mask value or '#rrggbb' to name, or the names of the values 0, 1, 2, …; by default the dataset's mask
            targets of the field, its default mask targets, or the values that the masks hold
        ignored: values, colours or names of classes that take part in nothing
        unlabelled: value, colour or name of the class where unlabelled things are; by default found by name
        unknown: a mask value outside the classes is an ``error``, or ``ignore`` to leave its pixels out
        skip_failures: leave samples without a mask out, as ``failures`` of the result, instead of raising
        progress: told while the masks are read for their values
        workers: threads that read masks; None for one a core

    Returns:
        the samples in the collection's order

    Raises:
        LabelQualityError: not an image dataset, an empty view, no such field, not a segmentation field, bad classes
        SampleError: samples without a mask, unless ``skip_failures``
    """
    check_collection(collection)
    check_label_field(collection, label_field)
    # A placeholder until the masks can be read: building a table from the values seen needs the samples first
    unnamed = ClassTable(ids=(0,), names=("",))
    samples = _with_masks(collection, label_field, unnamed, unknown, skip_failures)
    current_engine().check(samples.files())
    source, targets = class_targets(collection, label_field, classes)
    if targets is None:
        check_lossless(label_field, samples.ids, samples.mask_paths)
        samples.class_table = ClassTable.from_values(_values_seen(samples, progress, workers), ignored, unlabelled)
        return samples
    table = ClassTable.from_targets(targets, ignored, unlabelled, source)
    if source != "argument" and 0 not in table.ids and 0 not in table.ignored and _holds_background(samples, workers):
        table = table.with_background()
    samples.class_table = table
    return samples


def _with_masks(
    collection: fo.Dataset | fo.DatasetView, label_field: str, table: ClassTable, unknown: str, skip_failures: bool
) -> SegmentationSamples:
    """The samples that have a mask; the others are failures."""
    stored = F(f"{label_field}.mask").exists()
    ids, image_paths, labels, in_database, mask_paths = collection.values(
        ["id", "filepath", f"{label_field}.id", stored, f"{label_field}.mask_path"]
    )
    missing = [i for i in range(len(ids)) if not in_database[i] and mask_paths[i] is None]
    failures = [_no_mask(ids[i], image_paths[i], label_field, labels[i] is not None) for i in missing]
    if failures and (not skip_failures or len(failures) == len(ids)):
        raise _none_have_masks(failures, len(ids), label_field)
    # As in FiftyOne's get_mask(), a mask in the database comes before one on disk
    paths = [None if stored else path for stored, path in zip(in_database, mask_paths, strict=True)]
    everything = SegmentationSamples(collection, label_field, ids, image_paths, paths, table, unknown, failures)
    left_out = set(missing)
    return everything.subset(i for i in range(len(ids)) if i not in left_out) if missing else everything


def _no_mask(sample_id: str, image_path: str, label_field: str, has_label: bool) -> SampleError:
    found = f"its label in '{label_field}' has neither a mask nor a mask_path" if has_label else "it has no label"
    return SampleError(
        f"expected a mask in field '{label_field}', but {found}. Label it, or leave it out of the view.",
        sample_id=sample_id,
        path=image_path,
    )


def _none_have_masks(failures: list[SampleError], total: int, label_field: str) -> SampleError:
    first = failures[0]
    return SampleError(
        f"expected a mask in field '{label_field}', but {len(failures)} of {total} samples, of which this is the "
        f"first, have none. Label them, leave them out of the view (`view.exists('{label_field}')`), or run with "
        "skip_failures=True where other samples have one.",
        sample_id=first.sample_id,
        path=first.path,
    )


def _values_seen(samples: SegmentationSamples, progress: Progress, workers: int | None) -> set[Target]:
    """The values of all masks that can be read; the others are reported when the masks are checked."""
    seen: set[Target] = set()
    found = map_samples(_values_of, samples, len(samples), workers=workers)
    for done, values in enumerate(found, start=1):
        seen |= values
        progress("Reading mask values", done, len(samples))
    if any(isinstance(value, str) for value in seen):
        # Where some masks have colours, gray ones (all black, say) are colours too
        seen = {value if isinstance(value, str) else f"#{value:02x}{value:02x}{value:02x}" for value in seen}
    if not seen:
        raise LabelQualityError(
            f"None of the {len(samples)} masks in '{samples.label_field}' can be read. Check one of them: "
            f"{samples.mask_paths[0] or 'sample ' + samples.ids[0]}."
        )
    return seen


def _values_of(samples: GivenMasks, index: int) -> set[Target]:
    try:
        return values_seen(samples.load_mask(index))
    except LabelQualityError:
        return set()


def _holds_background(samples: SegmentationSamples, workers: int | None) -> bool:
    """Whether any mask holds 0 (black); stops at the first that does."""
    found = map_samples(_values_of, samples, len(samples), workers=workers)
    return any(not values.isdisjoint({0, "#000000"}) for values in found)


def raise_together(failures: Sequence[SampleError], total: int) -> None:
    """Raises the one error that there is, or a `LabelQualityError` that lists the first of several."""
    if not failures:
        return
    if len(failures) == 1:
        raise failures[0]
    shown = "\n".join(f"- {failure}" for failure in failures[:_SHOWN_SAMPLES])
    more = len(failures) - _SHOWN_SAMPLES
    raise LabelQualityError(
        f"{len(failures)} of {total} samples cannot be used. Mend them, or run with skip_failures=True to leave them "
        f"out:\n{shown}" + (f"\n- and {more} more" if more > 0 else "")
    )
