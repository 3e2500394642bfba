"""Class probabilities for every sample, from cross-validation, a model of the user's, or the user's files."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from .class_mapping import ClassMapping
from .class_table import ClassTable
from .config import CrossValidation, FilesSource
from .dataset_checks import segmentation_fields
from .errors import LabelQualityError, SampleError
from .folds import assign_folds, block_groups, classes_in_one_fold, default_block_size
from .inputs import SegmentationSamples, file_state
from .prediction_files import channels_of, read_prediction
from .progress import Progress
from .resample import to_probabilities
from .stored_sets import PredictionSet

OnFailure = Callable[[SampleError], None]


class PredictionReader(Protocol):
    """Gives the scores what was predicted for a sample; safe to call from several threads."""

    @property
    def labels_only(self) -> bool:
        """Whether only a class per pixel is known, and no probabilities."""

    def read(self, index: int, size: tuple[int, int]) -> np.ndarray:
        """What is predicted for the sample at this position.

        Args:
            index: position among the samples
            size: (H, W) of its mask

        Returns:
            probabilities (K, H, W) float32, or where ``labels_only`` class indices (H, W) int16

        Raises:
            SampleError: there is no usable prediction
        """

    def fold(self, index: int) -> int | None:
        """The fold that held the sample out, where there are folds."""


@dataclass(frozen=True)
class StoredReader:
    """Predictions in a run's store."""

    samples: SegmentationSamples
    predictions: PredictionSet
    labels_only: bool = False

    def read(self, index: int, size: tuple[int, int]) -> np.ndarray:
        return to_probabilities(self.predictions.read(self.samples.ids[index]), size)

    def fold(self, index: int) -> int | None:
        return self.predictions.read_meta(self.samples.ids[index]).get("fold")


@dataclass(frozen=True)
class FileReader:
    """Predictions in files that a string field of the dataset names."""

    samples: SegmentationSamples
    config: FilesSource
    paths: Sequence[str | None]
    mapping: ClassMapping | None
    labels_only: bool = False

    def read(self, index: int, size: tuple[int, int]) -> np.ndarray:
        sample_id = self.samples.ids[index]
        path = file_path(self.paths[index], self.samples.image_paths[index], self.config.field, sample_id)
        classes = self.samples.class_table.size
        prediction = read_prediction(path, classes, size, self.config, self.mapping, sample_id)
        return to_probabilities(prediction, size)

    def fold(self, index: int) -> int | None:
        return None


@dataclass(frozen=True)
class MaskReader:
    """Predicted masks in another segmentation field of the dataset."""

    samples: SegmentationSamples
    predicted: SegmentationSamples
    position: dict[str, int] = field(default_factory=dict)
    labels_only: bool = True

    def read(self, index: int, size: tuple[int, int]) -> np.ndarray:
        sample_id = self.samples.ids[index]
        if sample_id not in self.position:
            raise SampleError(
                f"has no predicted mask in field '{self.predicted.label_field}'. Add one, or leave the sample out of "
                "the view.",
                sample_id=sample_id,
                path=self.samples.image_paths[index],
            )
        labels = self.predicted.load_labels(self.position[sample_id])
        if labels.shape != size:
            raise SampleError(
                f"expected the predicted mask at the size of the given one, {size[0]}×{size[1]}, but it is "
                f"{labels.shape[0]}×{labels.shape[1]} (height × width).",
                sample_id=sample_id,
                path=self.predicted.mask_paths[self.position[sample_id]],
            )
        return labels

    def fold(self, index: int) -> int | None:
        return None


def is_mask_field(samples: SegmentationSamples, name: str) -> bool:
    """Whether a `FilesSource` field holds predicted masks rather than paths of probability files."""
    return name in segmentation_fields(samples.collection)


def open_files(samples: SegmentationSamples, config: FilesSource, workers: int | None = None) -> PredictionReader:
    """Opens the predictions that the user has stored; nothing is copied.

    Raises:
        LabelQualityError: no such field, a field of another type, no sample has a value, or a class map that does not
            fit the files
    """
    if is_mask_field(samples, config.field):
        return _open_masks(samples, config)
    paths = samples.values(config.field)
    named = [index for index, path in enumerate(paths) if path]
    if not named:
        raise LabelQualityError(
            f"No sample has a path in field '{config.field}'. Fill it with the path of each sample's .npy or .npz file."
        )
    if not isinstance(paths[named[0]], str):
        raise LabelQualityError(
            f"Expected field '{config.field}' to hold paths of .npy or .npz files, or Segmentation labels, but it "
            f"holds {type(paths[named[0]]).__name__} values."
        )
    return FileReader(samples, config, paths, _file_mapping(samples, config, paths, named[0]))


def file_path(value: str | None, image_path: str, name: str, sample_id: str) -> str:
    """The path in a sample's field; a relative one starts at the folder of its image.

    Raises:
        SampleError: the sample has no path
    """
    if not value:
        raise SampleError(
            f"has no prediction file in field '{name}'. Fill it, or leave the sample out of the view.",
            sample_id=sample_id,
            path=image_path,
        )
    return os.path.join(os.path.dirname(image_path), os.path.expanduser(value))


def files_state(reader: PredictionReader) -> str:
    """A hex digest that changes when a file that the reader reads does (its size or time)."""
    if isinstance(reader, MaskReader):
        return reader.predicted.fingerprint()
    if not isinstance(reader, FileReader):
        raise TypeError(f"Expected a reader of files, but got {type(reader).__name__}")
    digest = hashlib.sha256()
    for path, image_path in zip(reader.paths, reader.samples.image_paths, strict=True):
        full = os.path.join(os.path.dirname(image_path), os.path.expanduser(path or ""))
        digest.update(f"{full}\n{file_state(full) if path else ''}\n".encode())
    return digest.hexdigest()


def fold_groups(samples: SegmentationSamples, config: CrossValidation) -> list[Any] | np.ndarray | None:
    """What must stay in one fold: the values of the group field, blocks of frames in order, or nothing.

    Raises:
        LabelQualityError: no such field, or a sample without a value
    """
    if config.group_field:
        groups = samples.values(config.group_field)
        missing = [samples.ids[i] for i, value in enumerate(groups) if value is None]
        if missing:
            raise LabelQualityError(
                f"{len(missing)} samples have no value in group field '{config.group_field}', the first is "
                f"{missing[0]}. Fill the field, or leave them out of the view."
            )
        return groups
    if config.blocks:
        size = config.block_size or default_block_size(len(samples), config.folds)
        order = np.argsort(np.array(samples.values(config.order_field)), kind="stable")
        groups_in_order = np.empty(len(samples), np.int64)
        groups_in_order[order] = block_groups(len(samples), size)
        return groups_in_order
    return None


def assign(samples: SegmentationSamples, config: CrossValidation, presence: np.ndarray) -> np.ndarray:
    """The fold that holds each sample out, (n,) int64; the same for the same samples and config."""
    return assign_folds(presence, config.folds, config.seed, fold_groups(samples, config))


def unseen_classes(table: ClassTable, presence: np.ndarray, fold_of: np.ndarray) -> list[str]:
    """Sentences about classes that the model of a fold cannot know, for the run's record."""
    return [
        f"Class '{table.names[klass]}' is only in samples of fold {fold}: the model of that fold never saw it, so its "
        "pixels look suspicious."
        for klass, fold in classes_in_one_fold(presence, fold_of)
    ]


def predict_cross_validated(
    samples: SegmentationSamples,
    fold_of: np.ndarray,
    config: CrossValidation,
    predictions: PredictionSet,
    progress: Progress,
    on_failure: OnFailure | None,
) -> bool:
    """Trains and predicts what is not in the store yet.

    Returns:
        whether every fold is done (it is not with ``only_folds``)
    """
    from .cross_validation import cross_validate

    done = predictions.ids()
    stream = cross_validate(
        samples,
        fold_of,
        samples.class_table.size,
        config,
        Path(predictions.work),
        done=done,
        progress=progress,
        on_failure=on_failure,
    )
    for sample_id, fold, prediction in stream:
        predictions.write(sample_id, prediction, {"fold": int(fold)})
    return config.only_folds is None or set(np.unique(fold_of)) <= set(config.only_folds)


def predict_with_model(
    samples: SegmentationSamples,
    model: Any,
    batch_size: int,
    predictions: PredictionSet,
    progress: Progress,
    on_failure: OnFailure | None,
) -> None:
    """Predicts with a model of the user's what is not in the store yet.

    Args:
        samples: the samples
        model: a `user_models.UserModel`
        batch_size: images a forward pass
        predictions: where the predictions go
        progress: told after every batch
        on_failure: called for an image that cannot be read; without it the error is raised
    """
    done = predictions.ids()
    left = [index for index, sample_id in enumerate(samples.ids) if sample_id not in done]
    finished = len(samples) - len(left)
    for indices, images in _image_batches(samples, left, batch_size, on_failure):
        for index, prediction in zip(indices, model.predict(images), strict=True):
            predictions.write(samples.ids[index], prediction)
        finished += len(indices)
        progress("Predicting", finished, len(samples))


def _image_batches(
    samples: SegmentationSamples, indices: Sequence[int], batch_size: int, on_failure: OnFailure | None
) -> Iterator[tuple[list[int], list[np.ndarray]]]:
    """Batches of decoded images; the next batch is decoded while the model works on this one."""
    chunks = [indices[start : start + batch_size] for start in range(0, len(indices), batch_size)]
    with ThreadPoolExecutor(max_workers=1) as pool:
        upcoming = pool.submit(_read_images, samples, chunks[0]) if chunks else None
        for number in range(len(chunks)):
            assert upcoming is not None
            outcomes = upcoming.result()
            upcoming = pool.submit(_read_images, samples, chunks[number + 1]) if number + 1 < len(chunks) else None
            good: list[tuple[int, np.ndarray]] = []
            for index, outcome in outcomes:
                if isinstance(outcome, np.ndarray):
                    good.append((index, outcome))
                elif on_failure is None:
                    raise outcome
                else:
                    on_failure(outcome)
            if good:
                yield [index for index, _ in good], [image for _, image in good]


def _read_images(samples: SegmentationSamples, indices: Sequence[int]) -> list[tuple[int, np.ndarray | SampleError]]:
    outcomes: list[tuple[int, np.ndarray | SampleError]] = []
    for index in indices:
        try:
            outcomes.append((index, samples[index].load_image()))
        except SampleError as error:
            outcomes.append((index, error))
    return outcomes


def _open_masks(samples: SegmentationSamples, config: FilesSource) -> MaskReader:
    """The predicted masks, in the class table of the given ones."""
    paths = samples.collection.values(["id", "filepath", f"{config.field}.id", f"{config.field}.mask_path"])
    labelled = [row for row in zip(*paths, strict=True) if row[2] is not None]
    predicted = SegmentationSamples(
        samples.collection,
        config.field,
        [row[0] for row in labelled],
        [row[1] for row in labelled],
        [row[3] for row in labelled],
        samples.class_table,
        samples.unknown,
    )
    if not labelled:
        raise LabelQualityError(f"No sample has a predicted mask in field '{config.field}'.")
    return MaskReader(samples, predicted, {sample_id: i for i, sample_id in enumerate(predicted.ids)})


def _file_mapping(
    samples: SegmentationSamples, config: FilesSource, paths: Sequence[str | None], first: int
) -> ClassMapping | None:
    """How the files' channels map to classes; the first file says how many channels there are."""
    table = samples.class_table
    path = file_path(paths[first], samples.image_paths[first], config.field, samples.ids[first])
    outputs = channels_of(path, samples.ids[first])
    if config.class_map is None and outputs == table.size:
        return None
    class_map = config.class_map
    if class_map is None and table.colors is None and outputs > table.ids[-1]:
        # One channel a mask value, gaps and ignored values included
        class_map = {str(value): value for value in table.ids}
    return ClassMapping.build(outputs, None, class_map, table)
