"""Predictions of a model of the user's, into a run's store."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..base.errors import SampleError
from ..base.progress import Progress
from ..engine.engine import current_engine
from ..labels.class_table import ClassTable
from ..labels.given_masks import GivenMasks
from ..models.config import ModelSource
from ..models.file_digest import class_names, model_digest, settings_files, sha256
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
        """A digest of the model's file or folder, with its settings; "" where it is known by name only."""
        return model_digest(self._path) if self._path.exists() else ""

    def earlier_state(self, stored: PredictionSet) -> str | None:
        """The digest of the weights alone, as earlier versions have it, unless the classes have other names since."""
        if not self._path.exists() or not settings_files(self._path):
            return None
        before = (stored.results.get("model") or {}).get("classes")
        now = class_names(self._path) if before is not None else None
        return None if now is not None and list(now) != before else sha256(self._path)

    @property
    def _path(self) -> Path:
        return Path(self.config.model).expanduser()

    def make(
        self, samples: SegmentationSamples, predictions: PredictionSet, failures: Failures, progress: Progress
    ) -> None:
        """Predicts what is not in the store yet, and finishes the set."""
        from ..models.user_models import load_model

        example = _first_image(samples)
        model = load_model(self.config, samples.class_table, example=example)
        predict_with_model(
            samples, ModelWork(self.config, samples.class_table, predictions, example, model), failures, progress
        )
        notes = []
        if model.mapping.missing:
            missing = ", ".join(model.mapping.missing)
            notes.append(f"The model has no output for {missing}: pixels of these classes look suspicious.")
        predictions.finish(failures=failures.to_dicts(), notes=notes, model=model.description)


def predict_with_model(samples: SegmentationSamples, work: ModelWork, failures: Failures, progress: Progress) -> None:
    """Predicts with a model of the user's what is not in the store yet.

    Args:
        samples: the samples
        work: the model, and where predictions go
        failures: gets the images that cannot be read or predicted
        progress: told after every batch
    """
    done, size, engine = work.predictions.ids(), work.config.batch_size, current_engine()
    # What else is in a batch may change the last bits: a batch that was interrupted is predicted again as a whole
    batches = [range(len(samples))[start : start + size] for start in range(0, len(samples), size)]
    left = [batch for batch in batches if not done.issuperset(samples.ids[index] for index in batch)]
    finished = len(samples) - sum(map(len, left))
    # Here two at once: one batch is decoded while the model works on the other
    found = engine.map_portions(work, samples, left, workers=None if engine.elsewhere else 2, gpus=engine.model_gpus)
    for batch, errors in zip(left, found, strict=True):
        for error in errors:
            failures.add(error)
        finished += len(batch)
        progress("Predicting", finished, len(samples))


class ModelWork:
    """Predicts batches with a model, as the work of an engine.

    Args:
        config: which model, and how to use it
        table: the dataset's classes
        predictions: where predictions go
        example: as of `load_model`
        model: a `user_models.UserModel`; loaded where there is none yet
    """

    def __init__(
        self,
        config: ModelSource,
        table: ClassTable,
        predictions: PredictionSet,
        example: np.ndarray | None = None,
        model: Any = None,
    ) -> None:
        self.config, self.table, self.predictions, self.example = config, table, predictions, example
        self._model, self._working = model, threading.Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        return ModelWork, (self.config, self.table, self.predictions, self.example)

    def __call__(self, samples: GivenMasks, positions: range) -> list[SampleError]:
        """Predicts a batch; returns what is wrong with those of its images that have no prediction then."""
        images: dict[int, np.ndarray] = {}
        errors: list[SampleError] = []
        for index in positions:
            try:
                images[index] = samples[index].load_image()
            except SampleError as error:
                errors.append(error)
        with self._working:
            return errors + self._predict(samples, images)

    def _predict(self, samples: GivenMasks, images: dict[int, np.ndarray]) -> list[SampleError]:
        """Predicts images together; where one of them cannot be predicted, each on its own, to know which."""
        if not images:
            return []
        try:
            found = self._loaded().predict(list(images.values()))
        except SampleError as error:
            if len(images) > 1:
                return [one for index, image in images.items() for one in self._predict(samples, {index: image})]
            (index,) = images
            path = error.path or samples.image_paths[index]
            return [SampleError(error.problem, sample_id=samples.ids[index], path=path)]
        for index, prediction in zip(images, found, strict=True):
            self.predictions.write(samples.ids[index], prediction)
        return []

    def _loaded(self) -> Any:
        from ..models.user_models import load_model

        if self._model is None:
            self._model = load_model(self.config, self.table, example=self.example)
        return self._model


def _first_image(samples: SegmentationSamples) -> np.ndarray | None:
    """The first image that can be read: what a model that takes one size only can be tried on."""
    for sample in samples:
        try:
            return sample.load_image()
        except SampleError:
            continue
    return None
