"""Predicted masks of a run that has no scores yet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .errors import SampleError
from .executor import map_shards
from .fields import ResultRows
from .inputs import SegmentationSamples
from .masks import predicted_mask
from .prediction import PredictionReader
from .progress import Progress
from .stored_sets import ScoreSet


@dataclass
class PredictionMasks:
    """Writes the most probable class of every pixel as a mask file a sample.

    Args:
        samples: images and given masks, whose sizes the predicted ones get
        reader: the predictions
        store: where the masks go; one that is there already is not made again
        skip_failures: note bad samples and go on, instead of raising
    """

    samples: SegmentationSamples
    reader: PredictionReader
    store: ScoreSet
    skip_failures: bool = False
    failures: list[SampleError] = field(default_factory=list)

    def run(self, progress: Progress) -> None:
        """Makes the masks; raises `SampleError` for a bad sample, unless ``skip_failures``."""
        for done, failure in enumerate(map_shards(self._write, range(len(self.samples))), start=1):
            if failure is not None:
                self.failures.append(failure)
            progress("Writing predicted masks", done, len(self.samples))

    def rows(self, with_folds: bool) -> Iterator[ResultRows]:
        """The files of the samples that have one, and their folds."""
        failed = {failure.sample_id for failure in self.failures}
        indices = [index for index, sample_id in enumerate(self.samples.ids) if sample_id not in failed]
        ids = [self.samples.ids[index] for index in indices]
        others: dict[str, list[Any]] = {"prediction": [str(self.store.file("masks", sample_id)) for sample_id in ids]}
        if with_folds:
            others["fold"] = [self.reader.fold(index) for index in indices]
        yield ResultRows(ids=ids, others=others)

    def _write(self, index: int) -> SampleError | None:
        sample_id = self.samples.ids[index]
        if self.store.has("masks", sample_id):
            return None
        try:
            size = self.samples.load_labels(index).shape
            predicted = self.reader.read(index, (size[0], size[1]))
        except SampleError as error:
            if not self.skip_failures:
                raise
            return error
        classes = predicted if self.reader.labels_only else predicted.argmax(axis=0).astype(np.int16)
        self.store.write_mask(sample_id, predicted_mask(classes, self.samples.class_table))
        return None
