"""What is predicted for every sample: from a run's store, or from the files and masks that the user has."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from ..base.errors import SampleError
from ..base.types import Appearance
from ..labels.class_mapping import ClassMapping
from ..labels.given_masks import GivenMasks, file_state
from ..pixels.resample import scorable
from ..store.containers import read_container
from ..store.encoding import unpack_prediction
from ..store.sets import PredictionSet
from .config import FilesSource
from .files import read_prediction


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

    def of(self, sample_ids: Sequence[str]) -> PredictionReader:
        """What is needed of it to read the predictions of these samples alone."""


@dataclass(frozen=True)
class StoredReader:
    """Predictions in a run's store."""

    predictions: PredictionSet
    labels_only: bool = False

    def read(self, sample_id: str, size: tuple[int, int]) -> Predicted:
        content = read_container(self.predictions.file("values", sample_id), sample_id)
        prediction = unpack_prediction(content)
        return Predicted(scorable(prediction, size), content["meta"].get("fold"), prediction.appearance)

    def of(self, sample_ids: Sequence[str]) -> StoredReader:
        return self


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

    def of(self, sample_ids: Sequence[str]) -> FileReader:
        files = {one: self.files[one] for one in sample_ids}
        images = {one: self.images[one] for one in sample_ids}
        return replace(self, files=files, images=images)

    def paths(self) -> Iterator[str]:
        """The files, of the samples that have one."""
        for sample_id, value in self.files.items():
            if value:
                yield file_path(value, self.images[sample_id], self.config.field, sample_id)

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
        field: the dataset's field that has them
    """

    predicted: GivenMasks
    images: Mapping[str, str]
    field: str
    labels_only: bool = True
    _position: dict[str, int] = dataclasses.field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_position", {sample_id: i for i, sample_id in enumerate(self.predicted.ids)})

    def read(self, sample_id: str, size: tuple[int, int]) -> Predicted:
        position = self._position.get(sample_id)
        if position is None:
            raise SampleError(
                f"has no predicted mask in field '{self.field}'. Add one, or leave the sample out of the view.",
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

    def of(self, sample_ids: Sequence[str]) -> MaskReader:
        places = [self._position[one] for one in sample_ids if one in self._position]
        return replace(
            self, predicted=self.predicted.subset(places), images={one: self.images[one] for one in sample_ids}
        )


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
