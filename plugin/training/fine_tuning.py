"""The ``paper`` preset: every fold trains a whole SMP model on augmented images."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import nn

from ..base.types import Geometry, Prediction, SampleInput
from ..models.encoders import MULTIPLE, CoarseSegmenter, LogitWriter
from ..models.networks import round_up
from ..models.resizing import common_size, fit_image, fit_labels, input_size, pad_image
from ..models.tiled import image_tensor, predict_image_in_tiles
from .augmentation import augmented, cropped
from .config import CrossValidation
from .fit import Batch
from .sample_cache import Item, SampleCache

#: Longest side of an image where ``input_size`` is not given
LARGEST = 1024
#: Longest side of an augmented crop
CROP = 512
#: Pretrained weights need smaller steps than the new decoder
_ENCODER_SCALE = 0.1
_READERS = min(8, os.cpu_count() or 1)


class FineTuning:
    """Feeds SMP models with images that are decoded once, at the size at which they are seen.

    Args:
        config: resolved, see `cross_validation.resolve_preset`
        classes: number of classes K
        cache: where the decoded images go
        device: where networks run
        mirrors: whether networks learn from mirror images too
    """

    stage = "Preparing images"
    least_steps = 16
    #: See `frozen_features.FrozenFeatures`: a whole network can learn labels by heart in a few epochs
    unwatched_epochs = 0

    @classmethod
    def steps_at_least(cls, epochs: int, pass_steps: int) -> int:
        """Steps an epoch has at least, however many epochs there are and however long a pass is."""
        return cls.least_steps

    def __init__(
        self, config: CrossValidation, classes: int, cache: SampleCache, device: torch.device, mirrors: bool = True
    ) -> None:
        self.config, self.classes, self.cache, self.device = config, classes, cache, device
        self._mirrors = mirrors

    def encode(self, sample: SampleInput, image: np.ndarray, labels: np.ndarray) -> None:
        """Stores the image and its labels as the network sees them.

        Args:
            sample: the sample
            image: (H, W, 3) uint8
            labels: (H, W) int16 class indices
        """
        size = self._size(image)
        piece = {"image": fit_image(image, size), "labels": fit_labels(labels, size)}
        self.cache.write(sample.sample_id, [piece], labels)

    def check(self) -> None:
        """Raises `LabelQualityError` if no network can be built, before any image is read."""
        self.build(pretrained=True)

    def build(self, pretrained: bool) -> nn.Module:
        """The SMP model; with ``pretrained``, its encoder has the weights that the config asks for."""
        weights = self.config.weights if pretrained else None
        model = CoarseSegmenter(str(self.config.architecture), str(self.config.encoder), weights, self.classes)
        return model.to(self.device).to(memory_format=torch.channels_last)

    def batch(self, items: Sequence[Item], rng: np.random.Generator | None) -> Batch:
        """Reads images; with ``rng`` they are augmented crops (or plain crops of tiles), else as large as they are."""
        crop = self._crop([item.size for item in items], rng is not None)
        generators = [np.random.default_rng(int(rng.integers(2**62))) if rng is not None else None for _ in items]
        with ThreadPoolExecutor(max_workers=_READERS) as pool:
            pieces = list(pool.map(lambda item, own: self._piece(item, crop, own), items, generators))
        images = torch.stack([image for image, _ in pieces]).contiguous(memory_format=torch.channels_last)
        return Batch([images], torch.stack([labels for _, labels in pieces]))

    def logits(self, model: nn.Module, batch: Batch) -> torch.Tensor:
        """(N, K, H, W) logits at the images' size."""
        assert isinstance(model, CoarseSegmenter)
        return model.upsampled(batch.inputs[0])

    def parameter_groups(self, model: nn.Module) -> list[tuple[list[nn.Parameter], float]]:
        """The encoder at a tenth of the learning rate if it is pretrained, the rest at all of it."""
        assert isinstance(model, CoarseSegmenter)
        encoder = model.encoder_parameters
        known = {id(parameter) for parameter in encoder}
        rest = [parameter for parameter in model.parameters() if id(parameter) not in known]
        return [(encoder, _ENCODER_SCALE if self.config.weights else 1.0), (rest, 1.0)]

    @torch.inference_mode()
    def predict(self, model: nn.Module, samples: Sequence[SampleInput], writer: LogitWriter) -> list[Prediction]:
        """Predicts samples whose images have one size."""
        assert isinstance(model, CoarseSegmenter)
        if self.config.tile is not None:
            return [self._predict_tiled(model, sample, self.config.tile, writer) for sample in samples]
        images = [self.cache.read(self.cache.summary(sample.sample_id).items[0])["image"] for sample in samples]
        padded = np.stack([pad_image(image, MULTIPLE) for image in images])
        logits = model(image_tensor(padded).to(self.device))
        size = (padded.shape[1], padded.shape[2])
        geometries = [Geometry(size, image.shape[:2], model.align_corners) for image in images]
        return writer.predictions(logits, geometries)

    def _size(self, image: np.ndarray) -> tuple[int, int]:
        largest = LARGEST if self.config.tile is None else None
        return input_size((image.shape[0], image.shape[1]), self.config.input_size, largest)

    def _crop(self, sizes: Sequence[tuple[int, int]], training: bool) -> tuple[int, int]:
        """The (height, width) of a batch."""
        height, width = (round_up(side, MULTIPLE) for side in common_size(sizes))
        largest = max(height, width)
        if self.config.tile is not None:
            largest = round_up(self.config.tile, MULTIPLE)
        elif training and self.config.augment:
            largest = CROP
        return min(height, largest), min(width, largest)

    def _piece(
        self, item: Item, crop: tuple[int, int], rng: np.random.Generator | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        found = self.cache.read(item)
        image = torch.from_numpy(found["image"]).permute(2, 0, 1)
        labels = torch.from_numpy(found["labels"])
        if rng is not None and self.config.augment:
            return augmented(image, labels, crop, rng, self._mirrors)
        return cropped(image, labels, crop, rng)

    def _predict_tiled(self, model: CoarseSegmenter, sample: SampleInput, tile: int, writer: LogitWriter) -> Prediction:
        image = sample.load_image()
        image = fit_image(image, self._size(image))
        return predict_image_in_tiles(lambda images: model.upsampled(images.to(self.device)), image, tile, writer)
