"""Pixels that no network learns from, such as those of an earlier run's suspects."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeAlias

import numpy as np

from ..base.errors import SampleError
from ..base.types import IGNORED, SampleInput
from ..labels.images import read_mask
from ..samples.masked import MaskedSamples

#: Box (left, top, width, height) in pixels, and the file of the mask inside it
Region: TypeAlias = tuple[tuple[int, int, int, int], str]


@dataclass(frozen=True)
class LeftOut:
    """Regions that are not learnt from.

    Args:
        key: of the run whose suspects they are
        state: changes whenever the regions do
        regions: sample id to those of the sample
        rejected: names of the masks' files of such as a reviewer has rejected
    """

    key: str
    state: str
    regions: Mapping[str, Sequence[Region]]
    rejected: frozenset[str] = frozenset()

    def but(self, learnt: Collection[str]) -> LeftOut:
        """Without the regions whose masks' files have these names: they are learnt from."""
        regions = {
            sample_id: [one for one in several if Path(one[1]).name not in learnt]
            for sample_id, several in self.regions.items()
        }
        return replace(self, regions=regions)

    def without(self, samples: Sequence[SampleInput]) -> MaskedSamples:
        """The samples, with masks that are ignored there; loading one raises `SampleError` where it has changed."""
        return MaskedSamples(samples, self._masked)

    def _masked(self, _: int, sample: SampleInput) -> Callable[[], np.ndarray]:
        regions = self.regions.get(sample.sample_id, ())
        return partial(_load_labels, sample, regions) if regions else sample.load_labels


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
