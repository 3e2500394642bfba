"""Predictions of a model of the user's, into a run's store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..base.errors import SampleError
from ..base.progress import Progress
from ..base.types import Prediction
from ..models.config import ModelSource
from ..samples.failures import Failures
from ..samples.inputs import SegmentationSamples
from ..store.sets import PredictionSet


@dataclass(frozen=True)
class FromModel:
    """A source of predictions, see `sources.Source`.

    Args:
        config: which model, and how to use it
    """

    config: ModelSource

    def state(self, samples: SegmentationSamples) -> str:
        """A digest of the model's file or folder; "" where it is known by name only."""
        from ..models.checkpoints import sha256

        path = Path(self.config.model).expanduser()
        return sha256(path) if path.exists() else ""

    def make(
        self, samples: SegmentationSamples, predictions: PredictionSet, failures: Failures, progress: Progress
    ) -> None:
        """Predicts what is not in the store yet, and finishes the set."""
        from ..models.user_models import load_model

        model = load_model(self.config, samples.class_table, example=_first_image(samples))
        predict_with_model(samples, model, self.config.batch_size, predictions, progress, failures)
        notes = []
        if model.mapping.missing:
            missing = ", ".join(model.mapping.missing)
            notes.append(f"The model has no output for {missing}: pixels of these classes look suspicious.")
        predictions.finish(failures=failures.to_dicts(), notes=notes, model=model.description)


def predict_with_model(
    samples: SegmentationSamples,
    model: Any,
    batch_size: int,
    predictions: PredictionSet,
    progress: Progress,
    failures: Failures,
) -> None:
    """Predicts with a model of the user's what is not in the store yet.

    Args:
        samples: the samples
        model: a `user_models.UserModel`
        batch_size: images a forward pass
        predictions: where the predictions go
        progress: told after every batch
        failures: gets the images that cannot be read or predicted
    """
    done = predictions.ids()
    # What else is in a batch may change the last bits: a batch that was interrupted is predicted again as a whole
    batches = [range(len(samples))[start : start + batch_size] for start in range(0, len(samples), batch_size)]
    left = [batch for batch in batches if not done.issuperset(samples.ids[index] for index in batch)]
    finished = len(samples) - sum(map(len, left))
    for outcomes in _read_ahead(samples, left):
        good = []
        for index, outcome in outcomes:
            if isinstance(outcome, SampleError):
                failures.add(outcome)
            else:
                good.append((index, outcome))
        for index, prediction in _predict(model, samples, good, failures):
            predictions.write(samples.ids[index], prediction)
        finished += len(outcomes)
        progress("Predicting", finished, len(samples))


def _predict(
    model: Any, samples: SegmentationSamples, batch: list[tuple[int, np.ndarray]], failures: Failures
) -> list[tuple[int, Prediction]]:
    """Predicts a batch; where one image of it cannot be predicted, each on its own, to know which."""
    if not batch:
        return []
    indices, images = [index for index, _ in batch], [image for _, image in batch]
    try:
        return list(zip(indices, model.predict(images), strict=True))
    except SampleError as error:
        if len(batch) > 1:
            return [pair for one in batch for pair in _predict(model, samples, [one], failures)]
        path = error.path or samples.image_paths[indices[0]]
        failures.add(SampleError(error.problem, sample_id=samples.ids[indices[0]], path=path))
        return []


def _first_image(samples: SegmentationSamples) -> np.ndarray | None:
    """The first image that can be read: what a model that takes one size only can be tried on."""
    for sample in samples:
        try:
            return sample.load_image()
        except SampleError:
            continue
    return None


def _read_ahead(
    samples: SegmentationSamples, batches: Sequence[Sequence[int]]
) -> Iterator[list[tuple[int, np.ndarray | SampleError]]]:
    """The images of each batch, or their errors; the next batch is decoded while the model works on this one."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        upcoming = None
        for batch in batches:
            following = pool.submit(_read_images, samples, batch)
            if upcoming is not None:
                yield upcoming.result()
            upcoming = following
        if upcoming is not None:
            yield upcoming.result()


def _read_images(samples: SegmentationSamples, indices: Sequence[int]) -> list[tuple[int, np.ndarray | SampleError]]:
    outcomes: list[tuple[int, np.ndarray | SampleError]] = []
    for index in indices:
        try:
            outcomes.append((index, samples[index].load_image()))
        except SampleError as error:
            outcomes.append((index, error))
    return outcomes
