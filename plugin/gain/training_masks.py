"""The kinds of masks that are compared: as given, without what is suspected, and clean."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from ..base.errors import LabelQualityError, SampleError
from ..base.types import IGNORED
from ..clean.clean_dataset import is_verified
from ..corrections.loaded_masks import LoadedMasks, corrected_mask
from ..labels.masks import encode
from ..records.run_record import RunRecord
from ..regions.reviewed import Region, Regions, pixels_of
from ..samples.inputs import SegmentationSamples
from .config import CLEAN, GIVEN, UNSUSPECTED

#: (H, W) int16 class indices of the sample at a position
Labels: TypeAlias = Callable[[int], np.ndarray]


class TrainingMasks:
    """The masks of each kind.

    Args:
        samples: images and given masks
        record: of the run whose suspects are meant
        clean: the clean masks, where a field has them; else the given ones, as verdicts and loaded corrections say
    """

    def __init__(self, samples: SegmentationSamples, record: RunRecord, clean: SegmentationSamples | None) -> None:
        self._samples, self._record, self._clean = samples, record, clean
        self._regions, self._loaded = Regions(samples.dataset, record), LoadedMasks(samples.dataset, record)
        self._clean_at = {} if clean is None else {sample_id: index for index, sample_id in enumerate(clean.ids)}

    def labels(self, kind: str) -> Labels:
        """The masks of a kind of `KINDS`, by position; they raise `SampleError` where one cannot be read."""
        return {GIVEN: self._samples.load_labels, UNSUSPECTED: self._unsuspected, CLEAN: self.clean}[kind]

    def clean(self, index: int) -> np.ndarray:
        """(H, W) int16 class indices of the clean mask of the sample at a position; raises `SampleError`."""
        sample_id = self._samples.ids[index]
        if self._clean is not None:
            there = self._clean_at.get(sample_id)
            return self._samples.load_labels(index) if there is None else self._clean.load_labels(there)
        verified = [one for one in self._regions_of(sample_id) if is_verified(one)]
        loaded = self._loaded.of([sample_id]).get(sample_id)
        if not verified and loaded is None:
            return self._samples.load_labels(index)
        mask = corrected_mask(self._samples, index, verified, loaded)
        try:
            return encode(mask, self._samples.class_table, self._record.unknown)
        except LabelQualityError as error:
            path = self._samples.mask_paths[index]
            raise SampleError(str(error), sample_id=sample_id, path=path) from error

    def _unsuspected(self, index: int) -> np.ndarray:
        sample_id = self._samples.ids[index]
        labels = self._samples.load_labels(index).copy()
        for region in self._regions_of(sample_id):
            labels[pixels_of(region, labels.shape, sample_id)] = IGNORED
        return labels

    def _regions_of(self, sample_id: str) -> Sequence[Region]:
        return self._regions.of([sample_id]).get(sample_id, ())
