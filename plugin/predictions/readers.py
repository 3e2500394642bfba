"""What is predicted for every sample: from a run's store, or from the files and masks that the user has."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from fiftyone import ViewField as F

from ..base.errors import LabelQualityError, SampleError
from ..base.types import Appearance
from ..labels.class_mapping import ClassMapping
from ..labels.class_table import ClassTable
from ..pixels.resample import scorable
from ..samples.checks import segmentation_fields
from ..samples.inputs import SegmentationSamples, file_state
from ..store.containers import read_container
from ..store.encoding import unpack_prediction
from ..store.sets import PredictionSet
from .config import FilesSource
from .files import channels_of, read_prediction


@dataclass(frozen=True)
class Predicted:
    """What is predicted for one sample.

    Args:
        values: probabilities (K, H, W) float32 or float16, or uint8 in 255ths; or, of a reader that is
            ``labels_only``, class indices (H, W) int16, negative where no class is predicted
        fold: the fold that held the sample out, where there are folds
        appearance: what the image looks like, where the predictions' encoder is the same for all images
    """

    values: np.ndarray
    fold: int | None = None
    appearance: Appearance | None = None


class PredictionReader(Protocol):
    """Gives the scores what was predicted for a sample; safe to call from several threads."""

    @property
    def labels_only(self) -> bool:
        """Whether only a class per pixel is known, and no probabilities."""

    def read(self, sample_id: str, size: tuple[int, int]) -> Predicted:
        """What is predicted for a sample.

        Args:
            sample_id: the sample
            size: (H, W) of its mask

        Raises:
            SampleError: there is no usable prediction
        """


@dataclass(frozen=True)
class StoredReader:
    """Predictions in a run's store."""

    predictions: PredictionSet
    labels_only: bool = False

    def read(self, sample_id: str, size: tuple[int, int]) -> Predicted:
        content = read_container(self.predictions.file("values", sample_id), sample_id)
        prediction = unpack_prediction(content)
        return Predicted(scorable(prediction, size), content["meta"].get("fold"), prediction.appearance)


@dataclass(frozen=True)
class FileReader:
    """Predictions in files that a string field of the dataset names.

    Args:
        config: the field, and what the files hold
        classes: number of classes K
        files: sample id to the value of the field
        images: sample id to the image's path, where relative paths start
        mapping: from the files' channels to the classes, or None where they are the same
    """

    config: FilesSource
    classes: int
    files: Mapping[str, str | None]
    images: Mapping[str, str]
    mapping: ClassMapping | None = None
    labels_only: bool = False

    def read(self, sample_id: str, size: tuple[int, int]) -> Predicted:
        path = file_path(self.files[sample_id], self.images[sample_id], self.config.field, sample_id)
        prediction = read_prediction(path, self.classes, size, self.config, self.mapping, sample_id)
        return Predicted(scorable(prediction, size))

    def state(self) -> str:
        """A hex digest that changes when a file does (its size or time)."""
        digest = hashlib.sha256()
        for sample_id, value in self.files.items():
            path = file_path(value, self.images[sample_id], self.config.field, sample_id) if value else None
            digest.update(f"{sample_id} {file_state(path) if path else ''}\n".encode())
        return digest.hexdigest()


@dataclass(frozen=True)
class MaskReader:
    """Predicted masks in another segmentation field of the dataset.

    Args:
        predicted: the predicted masks as samples of their own
        images: sample id to the image's path, for the errors
    """

    predicted: SegmentationSamples
    images: Mapping[str, str]
    labels_only: bool = True
    _position: dict[str, int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_position", {sample_id: i for i, sample_id in enumerate(self.predicted.ids)})

    def read(self, sample_id: str, size: tuple[int, int]) -> Predicted:
        position = self._position.get(sample_id)
        if position is None:
            raise SampleError(
                f"has no predicted mask in field '{self.predicted.label_field}'. Add one, or leave the sample out of "
                "the view.",
                sample_id=sample_id,
                path=self.images[sample_id],
            )
        labels = self.predicted.load_labels(position)
        if labels.shape != size:
            raise SampleError(
                f"expected the predicted mask at the size of the given one, {size[0]}×{size[1]}, but it is "
                f"{labels.shape[0]}×{labels.shape[1]} (height × width).",
                sample_id=sample_id,
                path=self.predicted.mask_paths[position],
            )
        return Predicted(labels)

    def state(self) -> str:
        """A hex digest that changes when a predicted mask does."""
        return self.predicted.fingerprint()


def open_files(samples: SegmentationSamples, config: FilesSource) -> FileReader | MaskReader:
    """Opens the predictions that the user has stored; nothing is copied.

    Raises:
        LabelQualityError: no such field, a field of another type or with the given masks themselves, no sample has a
            value, or a class map that does not fit the files
    """
    if config.field == samples.label_field:
        raise LabelQualityError(
            f"Expected a field with predictions, but '{config.field}' holds the given masks themselves. Name another "
            "`field`."
        )
    images = dict(zip(samples.ids, samples.image_paths, strict=True))
    if config.field in segmentation_fields(samples.collection):
        return MaskReader(_predicted_masks(samples, config.field), images)
    files = dict(zip(samples.ids, samples.values(config.field), strict=True))
    named = [value for value in files.values() if value]
    if not named:
        raise LabelQualityError(
            f"No sample has a path in field '{config.field}'. Fill it with the path of each sample's .npy or .npz file."
        )
    if not isinstance(named[0], str):
        raise LabelQualityError(
            f"Expected field '{config.field}' to hold paths of .npy or .npz files, or Segmentation labels, but it "
            f"holds {type(named[0]).__name__} values."
        )
    reader = FileReader(config, samples.class_table.size, files, images)
    return FileReader(config, reader.classes, files, images, _mapping(reader, samples.class_table))


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


def _predicted_masks(samples: SegmentationSamples, name: str) -> SegmentationSamples:
    """The predicted masks, in the class table of the given ones."""
    asked = ["id", "filepath", f"{name}.id", F(f"{name}.mask").exists(), f"{name}.mask_path"]
    rows = [row for row in zip(*samples.collection.values(asked), strict=True) if row[2] is not None]
    if not rows:
        raise LabelQualityError(f"No sample has a predicted mask in field '{name}'.")
    return SegmentationSamples(
        samples.collection,
        name,
        [row[0] for row in rows],
        [row[1] for row in rows],
        # As in FiftyOne's get_mask(), a mask in the database comes before one on disk
        [None if row[3] else row[4] for row in rows],
        samples.class_table,
        samples.unknown,
    )


def _mapping(reader: FileReader, table: ClassTable) -> ClassMapping | None:
    """How the files' channels map to classes, by the number of channels of the first file that can be read."""
    outputs = _channels(reader)
    class_map = reader.config.class_map
    if class_map is not None:
        return ClassMapping.build(outputs, None, class_map, table)
    if outputs != table.size and table.colors is None and outputs > table.ids[-1]:
        # One channel a mask value, gaps and ignored values included
        return ClassMapping.build(outputs, None, {str(value): value for value in table.ids}, table)
    # Where the numbers differ, each file is refused by name as it is read
    return None


def _channels(reader: FileReader) -> int:
    """The number of channels of the first file that can be read; raises the first file's error if none can."""
    first: SampleError | None = None
    for sample_id, value in reader.files.items():
        if value:
            path = file_path(value, reader.images[sample_id], reader.config.field, sample_id)
            try:
                return channels_of(path, sample_id)
            except SampleError as error:
                first = first or error
    assert first is not None
    raise first
