"""The samples of a run: images and given masks of a FiftyOne dataset or view, read one at a time."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import fiftyone as fo
import numpy as np

from ..base.errors import LabelQualityError, SampleError
from ..base.progress import Progress, silent
from ..engine.engine import map_samples
from ..labels.class_table import ClassTable
from ..labels.given_masks import GivenMasks, Stored, file_state
from .failures import raise_together
from .private_fiftyone import root_of
from .slices import images_of

#: Labels in the database that are in memory at once while their checksums are computed
DATABASE_BATCH = 32


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
                f"{', '.join(sorted(self.dataset.get_field_schema()))}. Name one of these, or make it first: "
                f"dataset.set_values('{field}', values), with a value for each sample."
            )
        ids, values = self.showing(field).values(["id", field])
        by_id = dict(zip(ids, values, strict=True))
        return [by_id.get(sample_id) for sample_id in self.ids]

    def showing(self, field: str) -> fo.Dataset | fo.DatasetView:
        """The collection, or all images of the dataset where it is a view that leaves a field of the dataset's out."""
        return self.collection if self.collection.get_field(field) is not None else images_of(self.dataset)

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
        return type(self)(self.collection, self.label_field, ids, image_paths, mask_paths, *described, held=held)

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
        while batch := list(islice(stored, DATABASE_BATCH)):
            ids, masks = self._select(batch).values(["id", f"{self.label_field}.mask"])
            by_id = dict(zip(ids, masks, strict=True))
            for sample_id in batch:
                mask = by_id.get(sample_id)
                yield "gone" if mask is None else f"{mask.shape} {mask.dtype} {zlib.crc32(mask.tobytes())}"

    def _select(self, ids: list[str]) -> fo.DatasetView:
        """A view on these samples that costs the same whatever the collection's own stages are."""
        return images_of(self.dataset).select(ids)
