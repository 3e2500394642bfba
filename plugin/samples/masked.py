"""Samples with other masks than the given ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import overload

import numpy as np

from ..base.types import SampleInput


class MaskedSamples(Sequence[SampleInput]):
    """Samples with other masks than the given ones.

    Args:
        samples: images and given masks
        masked: from the position of a sample, and the sample, to what loads its mask, (H, W) int16 class indices
    """

    def __init__(
        self, samples: Sequence[SampleInput], masked: Callable[[int, SampleInput], Callable[[], np.ndarray]]
    ) -> None:
        self._samples, self._masked = samples, masked

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
        return SampleInput(sample.sample_id, sample.image_path, self._masked(index, sample), sample.load_image)
