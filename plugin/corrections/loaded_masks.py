"""Corrected masks that were loaded into a run, for what is made of the best masks that are known."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import fiftyone as fo
import numpy as np
from bson import ObjectId

from ..base.errors import LabelQualityError, SampleError
from ..base.file_digest import file_digest
from ..dataset.correction_fields import CORRECTIONS
from ..dataset.verdicts import RESOLVED
from ..documents.ownership import field_name
from ..labels.class_table import ClassTable
from ..labels.images import read_mask
from ..records.record_parts import COMPLETE
from ..records.run_record import RunRecord
from ..regions.reviewed import Region, given_mask, paint, plain_mask
from ..samples.inputs import SegmentationSamples
from ..samples.private_fiftyone import stored_samples


class LoadedMasks:
    """The corrected masks of a run that differ from the given ones.

    Args:
        dataset: the dataset
        record: of the run

    Raises:
        LabelQualityError: they were being loaded when that was killed
    """

    def __init__(self, dataset: fo.Dataset, record: RunRecord) -> None:
        self._dataset, self._part = dataset, record.corrections
        self._field = field_name(record.key, CORRECTIONS)
        if self._part is not None and self._part.status != COMPLETE:
            raise LabelQualityError(
                f"Corrected masks of run '{record.key}' were being loaded from {self._part.source} when that was "
                "stopped. Load them again: load_corrections."
            )

    def of(self, sample_ids: Collection[str]) -> dict[str, str]:
        """The files of the masks of some samples: only of those whose mask was changed."""
        if self._part is None:
            return {}
        wanted = {"_id": {"$in": [ObjectId(one) for one in sample_ids]}, f"{self._field}.pixels": {"$gt": 0}}
        found = stored_samples(self._dataset).find(wanted, {f"{self._field}.mask_path": True})
        return {str(one["_id"]): one[self._field]["mask_path"] for one in found}

    def describe(self, path: str, differ: np.ndarray) -> dict[str, Any]:
        """A corrected mask as JSON values: from where, by whom, when, its file's digest, and how many pixels differ.

        Args:
            path: its file
            differ: (H, W) bool, which pixels differ from the given mask
        """
        assert self._part is not None
        said = {"source": self._part.source, "corrected_by": self._part.reviewer, "loaded_at": self._part.created}
        return {**said, "sha256": file_digest(path), "pixels": int(np.count_nonzero(differ))}


def read_loaded(path: str, given: np.ndarray, table: ClassTable, sample_id: str) -> np.ndarray:
    """A corrected mask, of the kind of the given one.

    Args:
        path: its file
        given: (H, W) int32 values or (H, W, 3) RGB, the given mask
        table: the classes
        sample_id: named in errors

    Raises:
        SampleError: the file is gone or cannot be read, or the given mask is of another size by now
    """
    if not Path(path).exists():
        raise SampleError("its corrected mask is gone. Load the corrections again.", sample_id=sample_id, path=path)
    mask = plain_mask(np.asarray(read_mask(path, sample_id)), table)
    if mask.shape != given.shape:
        raise SampleError(
            f"its corrected mask is of shape {mask.shape}, but the given one of {given.shape}. Load the corrections "
            "again.",
            sample_id=sample_id,
            path=path,
        )
    return mask


def lay_over(mask: np.ndarray, given: np.ndarray, corrected: np.ndarray) -> np.ndarray:
    """A mask in which all that was corrected is as corrected; the arguments are of one shape, as `read_loaded`'s."""
    differ = given != corrected
    if differ.ndim == 3:
        differ = differ.any(axis=2, keepdims=True)
    return np.where(differ, corrected, mask)


def corrected_mask(
    samples: SegmentationSamples, index: int, regions: Sequence[Region], loaded: str | None
) -> np.ndarray:
    """The best mask that is known of a sample, as values: regions have their class; what was corrected is as corrected.

    Args:
        samples: the samples
        index: position of one
        regions: of it, those that are painted
        loaded: file of its corrected mask, where one was loaded and differs from the given one

    Raises:
        SampleError: a mask cannot be read, or a region has no class or no mask
    """
    given, table, sample_id = given_mask(samples, index), samples.class_table, samples.ids[index]
    if loaded is None:
        mask = given
        for region in regions:
            paint(mask, region, table, sample_id)
        return mask
    corrected = read_loaded(loaded, given, table, sample_id)
    mask = corrected.copy()
    for region in regions:
        if region.get("outcome") != RESOLVED:
            paint(mask, region, table, sample_id)
    return lay_over(mask, given, corrected)
