"""Predicted masks as files: of a run with scores, and of one that has none yet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..base.errors import SampleError
from ..base.progress import Progress
from ..labels.class_table import LARGEST_ID, ClassTable
from ..labels.given_masks import GivenMasks
from ..labels.masks import predicted_mask
from ..samples.failures import LeftOut, as_dict
from ..scores.results import ResultRows
from ..store.passes import run_pass, shards_of
from ..store.sets import ScoreSet
from .readers import PredictionReader

_STAGE = "masks"


@dataclass(frozen=True)
class PredictionMasks:
    """Writes the most probable class of every pixel as a mask file a sample.

    Args:
        samples: images and given masks, whose sizes the predicted ones get
        reader: the predictions
        store: where the masks go; those of a finished shard are not made again
        skip_failures: note bad samples and go on, instead of raising
    """

    samples: GivenMasks
    reader: PredictionReader
    store: ScoreSet
    skip_failures: bool = False

    def run(self, progress: Progress) -> None:
        """Makes the masks; raises `SampleError` for a bad sample, unless ``skip_failures``."""
        title, work = "Writing predicted masks", PredictionMasks.write_shard
        run_pass(self.store, _STAGE, len(self.samples), self, work, title, progress)

    def window(self, positions: range) -> PredictionMasks:
        """The masks of these samples alone, as of `engine.Job`."""
        reader = self.reader.of([self.samples.ids[index] for index in positions])
        return replace(self, samples=self.samples.window(positions), reader=reader)

    def refused(self, reasons: Mapping[int, str]) -> PredictionMasks:
        """The same that refuses these samples, as of `engine.Job`."""
        return replace(self, samples=self.samples.refused(reasons))

    def outcome(self) -> tuple[int, list[LeftOut]]:
        """How many samples have masks, and those that were left out."""
        shards = list(self._shards())
        return sum(len(row["ids"]) for row in shards), [one for row in shards for one in row["failures"]]

    def rows(self) -> Iterator[ResultRows]:
        """The results of each shard, in order."""
        for row in self._shards():
            masks = [str(self.store.file("masks", sample_id)) for sample_id in row["ids"]]
            yield ResultRows(row["ids"], others={"fold": row["folds"], "prediction": masks})

    def _shards(self) -> Iterator[dict[str, Any]]:
        for shard in shards_of(len(self.samples)):
            yield self.store.read_shard(_STAGE, shard)

    def write_shard(self, positions: range) -> dict[str, Any]:
        """Makes the masks of some samples."""
        ids, folds, failures = [], [], []
        for index in positions:
            try:
                fold = self._write(index)
            except SampleError as error:
                if not self.skip_failures:
                    raise
                failures.append(as_dict(error))
            else:
                ids.append(self.samples.ids[index])
                folds.append(fold)
        return {"ids": ids, "folds": folds, "failures": failures}

    def _write(self, index: int) -> int | None:
        sample_id = self.samples.ids[index]
        height, width = self.samples.load_labels(index).shape
        predicted = self.reader.read(sample_id, (height, width))
        classes = predicted.values
        if not self.reader.labels_only:
            classes = classes.argmax(axis=0).astype(np.int16)
        write_predicted_mask(self.store, sample_id, classes, self.samples.class_table)
        return predicted.fold


def write_predicted_mask(store: ScoreSet, sample_id: str, classes: np.ndarray, table: ClassTable) -> None:
    """Writes predicted classes as a mask of the dataset's own values or colours.

    Args:
        store: where the file goes
        sample_id: the sample
        classes: (H, W) int16 class indices; negative ones get a value that is no class
        table: the classes
    """
    mask = predicted_mask(np.maximum(classes, 0), table)
    nothing = classes < 0
    if nothing.any():
        value = _value_of_nothing(table)
        mask = mask if table.colors is not None or value <= 255 else mask.astype(np.uint16)
        mask[nothing] = value if table.colors is None else [value >> 16, value >> 8 & 255, value & 255]
    store.write_mask(sample_id, mask)


def _value_of_nothing(table: ClassTable) -> int:
    """A mask value that is no class: an ignored one, else a free one, preferably 255."""
    taken, most = set(table.ids), LARGEST_ID if table.colors is None else 0xFFFFFF
    free = (*table.ignored, 255, *range(LARGEST_ID + 1))
    return next(value for value in free if 0 <= value <= most and value not in taken)
