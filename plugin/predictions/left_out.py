"""Pixels that no network learns from, such as those of an earlier run's suspects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias, overload

import numpy as np

from ..base.errors import SampleError
from ..base.types import IGNORED, SampleInput
from ..labels.images import read_mask

#: Box (left, top, width, height) in pixels, and the file of the mask inside it
Region: TypeAlias = tuple[tuple[int, int, int, int], str]


@dataclass(frozen=True)
class LeftOut:
    """Regions that are not learnt from.

    Args:
        key: of the run whose suspects they are
        state: changes whenever the regions do
        regions: sample id to those of the sample
    """

    key: str
    state: str
    regions: Mapping[str, Sequence[Region]]


class WithoutRegions(Sequence[SampleInput]):
    """Samples whose masks are ignored in some regions.

    Args:
        samples: images and given masks
        regions: sample id to the regions
    """

    def __init__(self, samples: Sequence[SampleInput], regions: Mapping[str, Sequence[Region]]) -> None:
        self._samples, self._regions = samples, regions

    def __len__(self) -> int:
        return len(self._samples)

    @overload
    def __getitem__(self, index: int) -> SampleInput: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[SampleInput]: ...
    def __getitem__(self, index: int | slice) -> SampleInput | Sequence[SampleInput]:
        if isinstance(index, slice):
            return [self[one] for one in range(*index.indices(len(self)))]
        sample = self._samples[index]
        regions = self._regions.get(sample.sample_id, ())
        load_labels = partial(_load_labels, sample, regions) if regions else sample.load_labels
        return SampleInput(sample.sample_id, sample.image_path, load_labels, sample.load_image)


def _load_labels(sample: SampleInput, regions: Sequence[Region]) -> np.ndarray:
    """(H, W) int16 class indices of the given mask, `IGNORED` in the regions; raises `SampleError`."""
    labels = sample.load_labels().copy()
    for (left, top, width, height), path in regions:
        inside = read_mask(path, sample.sample_id) > 0
        part = labels[top : top + height, left : left + width]
        if inside.shape != part.shape:
            problem = (
                f"Expected a mask with room for a suspect of {inside.shape[0]} × {inside.shape[1]} pixels, but it is "
                f"of {labels.shape[0]} × {labels.shape[1]}: it has changed since. Find those suspects again."
            )
            raise SampleError(problem, sample_id=sample.sample_id, path=path)
        part[inside] = IGNORED
    return labels
