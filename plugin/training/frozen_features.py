"""The ``fast`` preset: a frozen encoder's features, computed once, on which every fold trains only a light decoder."""

from __future__ import annotations

import math
import threading
import zlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import nn

from ..base.types import IGNORED, Appearance, Geometry, Prediction, SampleInput
from ..models.decoders import build_decoder
from ..models.encoders import MULTIPLE, FrozenEncoder, LogitWriter, upsample
from ..models.exported import exported
from ..models.resizing import common_size, fit_image, fit_labels, input_size, pad_image, pad_labels_to
from ..models.tiled import image_tensor, predict_image_in_tiles, tile_boxes
from ..models.weights import seeded
from ..pixels.pooling import pool_labels
from ..suspects.appearance import appearance_of, stitched
from .config import CrossValidation
from .defaults import USUAL_EPOCHS
from .fit import Batch
from .mirroring import mean_logits
from .sample_cache import Item, SampleCache

#: Side of the image that shows which maps an encoder gives
_PROBE = 64
#: What float16 holds, with room
_LARGEST = 6e4
#: Sides of a window, in cells of the coarsest map: 128 pixels at stride 32
_LEAST_WINDOW = 4
#: Places to look for a window with a label, where most pixels have none
_TRIES = 8


class FrozenFeatures:
    """Feeds light decoders with the cached features of a frozen encoder.

    Args:
        config: resolved, see `cross_validation.resolve_preset`
        classes: number of classes K
        cache: where features go: about 0.7 MB an image at 384 × 288 with the default encoder
        device: where networks run
        shared: where features of the same images are kept that were computed with the same config, whatever the labels
            and the seed; what it lacks is added to it
    """

    stage = "Encoding images"
    #: Epochs that the preset trains, if no other number is asked for
    usual_epochs = USUAL_EPOCHS
    #: Steps an epoch has at least: 40 batches of 8 windows show a decoder a few dozen images
    least_steps = 40
    #: Steps that a training of the usual number of epochs has at least: with 240, decoders of a few hundred images had
    #: not learnt enough, see docs/suspects.md
    enough_steps = 600
    #: To that end an epoch passes over the images so often at most: of a few dozen images more passes ranked no better
    most_passes = 3
    #: Trainings of no more epochs have no samples held out to stop them by: wrong labels are not learnt by heart yet,
    #: and blocks of frames that are not trained on cost more than the best of a few epochs gains
    unwatched_epochs = 8

    def __init__(
        self,
        config: CrossValidation,
        classes: int,
        cache: SampleCache,
        device: torch.device,
        shared: SampleCache | None = None,
    ) -> None:
        self.config, self.classes, self.cache, self.device = config, classes, cache, device
        # Without weights an encoder is drawn by the seed, so that its features are those of no other seed
        self._shared = shared if config.weights is not None else None
        self._building = threading.Lock()

    @classmethod
    def steps_at_least(cls, epochs: int, pass_steps: int) -> int:
        """Steps an epoch has at least; whoever asks for fewer epochs than usual gets a shorter training.

        Args:
            epochs: of the training
            pass_steps: that one pass over what is learnt from takes
        """
        if epochs < cls.usual_epochs:
            return cls.least_steps
        return max(cls.least_steps, min(math.ceil(cls.enough_steps / epochs), cls.most_passes * pass_steps))

    @staticmethod
    def exports(config: CrossValidation, device: torch.device) -> bool:
        """Whether the encoder is to run in ONNX Runtime, where that is installed.

        Random weights are for a handful of images, where to export takes longer than it saves.

        Args:
            config: resolved
            device: where networks run
        """
        return device.type == "cpu" and config.weights is not None

    @cached_property
    def encoder(self) -> Callable[[torch.Tensor], list[torch.Tensor]]:
        """What `FrozenEncoder` computes; its weights are read, or without any drawn by the run's seed, when it is first
        needed."""
        # Threads that need it at once would draw from one generator; newer Pythons do not keep them apart
        with self._building:
            if "encoder" not in vars(self):
                with seeded(self.config.seed):
                    network = FrozenEncoder(str(self.config.encoder), self.config.weights).to(self.device)
                exports = self.exports(self.config, self.device)
                vars(self)["encoder"] = (exported(network) if exports else None) or network
            return vars(self)["encoder"]

    def encode(self, sample: SampleInput, image: np.ndarray, labels: np.ndarray) -> None:
        """Stores the features and labels of a sample, a piece a tile.

        Args:
            sample: the sample
            image: (H, W, 3) uint8
            labels: (H, W) int16 class indices
        """
        size = input_size(image.shape[:2], self.config.input_size)
        image, fitted = fit_image(image, size), fit_labels(labels, size)
        boxes = tile_boxes(size, self.config.tile)
        known = self._known(sample.sample_id) or [[]] * len(boxes)
        pieces = [self._piece(image[box], fitted[box], maps) for box, maps in zip(boxes, known, strict=True)]
        self.cache.write(sample.sample_id, pieces, labels)
        if self._shared is not None and not self._shared.has(sample.sample_id):
            self._shared.write(sample.sample_id, pieces, labels)

    def check(self) -> None:
        """Raises `LabelQualityError` if no network can be built, before any image is read."""
        self.build(pretrained=True)

    def build(self, pretrained: bool) -> nn.Module:
        """A decoder with random weights."""
        maps = self.encoder(torch.zeros(1, 3, _PROBE, _PROBE, device=self.device))
        channels, strides = [level.shape[1] for level in maps], [_PROBE / level.shape[2] for level in maps]
        config = self.config
        decoder = build_decoder(config.architecture, channels, strides, self.classes, str(config.encoder))
        return decoder.to(self.device).to(memory_format=torch.channels_last)

    def batch(self, items: Sequence[Item], rng: np.random.Generator | None) -> Batch:
        """Reads a window of each piece, half as high and wide; pieces so small that a window would lack context whole.

        Neighbouring pixels teach a decoder much the same, so a quarter of them in each of more steps teaches more in
        the same time. Windows of different sizes are padded, their edges repeated, and ignored there.

        Args:
            items: the pieces
            rng: source of the windows' places; without it each piece has a place of its own
        """
        windows = [_window(self.cache.read(item), rng or _own_generator(item)) for item in items]
        levels = zip(*(maps for maps, _ in windows), strict=True)
        size = common_size([labels.shape for _, labels in windows])
        labels = np.stack([pad_labels_to(labels, size) for _, labels in windows])
        return Batch([_stacked(level) for level in levels], torch.from_numpy(labels))

    def logits(self, model: nn.Module, batch: Batch) -> torch.Tensor:
        """(N, K, h, w) logits on the features' finest grid."""
        return model(batch.inputs)

    def parameter_groups(self, model: nn.Module) -> list[tuple[list[nn.Parameter], float]]:
        """Everything, at the full learning rate."""
        return [(list(model.parameters()), 1.0)]

    @torch.inference_mode()
    def predict(
        self, model: nn.Module, samples: Sequence[SampleInput], writer: LogitWriter, mirrored: bool = False
    ) -> list[Prediction]:
        """Predicts samples whose features have one shape; with tiles from the images, as tiles overlap then.

        With weights that are not random, they have their appearance.

        Args:
            model: a decoder
            samples: whose features are cached
            writer: of its fold
            mirrored: whether to take the mean over the image and its mirror image, which the encoder sees now
        """
        if self.config.tile is not None:
            return [self._predict_tiled(model, sample, self.config.tile, writer, mirrored) for sample in samples]
        pieces = [self.cache.read(self.cache.summary(sample.sample_id).items[0]) for sample in samples]
        maps = [_stacked(level).to(self.device) for level in zip(*(piece["maps"] for piece in pieces), strict=True)]
        geometries = [Geometry(tuple(piece["padded"]), tuple(piece["valid"])) for piece in pieces]
        logits = model(maps)
        if mirrored:
            images = image_tensor(np.stack([pad_image(self._fitted(sample), MULTIPLE) for sample in samples]))
            logits = mean_logits(logits, self._mirrored(model, images), writer)
        predictions = writer.predictions(logits, geometries)
        return [replace(one, appearance=self._look(piece)) for one, piece in zip(predictions, pieces, strict=True)]

    def _look(self, piece: dict[str, Any]) -> Appearance | None:
        """What a piece looks like; None where the encoder's weights are random, as nothing is alike then."""
        if self.config.weights is None:
            return None
        return appearance_of(piece["maps"], piece["padded"], piece["valid"])

    def _known(self, sample_id: str) -> list[list[np.ndarray]] | None:
        """The maps of a sample's pieces, where they are kept already."""
        if self._shared is None or not self._shared.has(sample_id):
            return None
        return [self._shared.read(item)["maps"] for item in self._shared.summary(sample_id).items]

    def _piece(self, image: np.ndarray, labels: np.ndarray, known: list[np.ndarray]) -> dict[str, Any]:
        padded = pad_image(image, MULTIPLE)
        maps = known or self._maps(padded)
        grid = maps[0].shape[1:]
        pooled = pool_labels(labels, padded.shape[0] // grid[0], self.classes)
        return {
            "maps": maps,
            "labels": pad_labels_to(pooled, (grid[0], grid[1])),
            "padded": list(padded.shape[:2]),
            "valid": list(image.shape[:2]),
        }

    def _maps(self, padded: np.ndarray) -> list[np.ndarray]:
        """(C, h, w) float16 features of a padded image at each of the encoder's strides."""
        maps = self.encoder(image_tensor(padded[None]).to(self.device))
        return [level[0].clamp(-_LARGEST, _LARGEST).half().cpu().contiguous().numpy() for level in maps]

    def _fitted(self, sample: SampleInput) -> np.ndarray:
        """The (h, w, 3) uint8 image as the encoder sees it, but for padding."""
        image = sample.load_image()
        return fit_image(image, input_size(image.shape[:2], self.config.input_size))

    def _mirrored(self, model: nn.Module, images: torch.Tensor) -> torch.Tensor:
        """(N, K, h, w) logits of (N, 3, H, W) uint8 images, seen mirrored; they lie as the images do."""
        return model(self.encoder(images.flip(3).to(self.device))).flip(3)

    def _predict_tiled(
        self, model: nn.Module, sample: SampleInput, tile: int, writer: LogitWriter, mirrored: bool
    ) -> Prediction:
        image = self._fitted(sample)

        def logits(images: torch.Tensor) -> torch.Tensor:
            size = images.shape[2], images.shape[3]
            seen = upsample(model(self.encoder(images.to(self.device))), size, False)
            if not mirrored:
                return seen
            return mean_logits(seen, upsample(self._mirrored(model, images), size, False), writer)

        prediction = predict_image_in_tiles(logits, image, tile, writer)
        return replace(prediction, appearance=self._look_of_tiles(sample, (image.shape[0], image.shape[1]), tile))

    def _look_of_tiles(self, sample: SampleInput, size: tuple[int, int], tile: int) -> Appearance | None:
        pieces = [self.cache.read(item) for item in self.cache.summary(sample.sample_id).items]
        looks = [look for look in map(self._look, pieces) if look is not None]
        if not looks:
            return None
        corners = [(rows.start, columns.start) for rows, columns in tile_boxes(size, tile)]
        return stitched(looks, corners, size, pieces[0]["padded"][0] // looks[0].values.shape[1])


def _own_generator(item: Item) -> np.random.Generator:
    return np.random.default_rng((zlib.crc32(item.sample_id.encode()), item.number))


def _window(piece: dict[str, Any], rng: np.random.Generator) -> tuple[list[np.ndarray], np.ndarray]:
    """The same window of all maps and of the labels, on whole cells of the coarsest map."""
    maps, labels = piece["maps"], piece["labels"]
    coarsest = maps[-1].shape[1:]
    finer = [level.shape[1] // coarsest[0] for level in maps]
    if any(level.shape[1:] != (coarsest[0] * by, coarsest[1] * by) for level, by in zip(maps, finer, strict=True)):
        return maps, labels
    sides = [max(min(cells, _LEAST_WINDOW), (cells + 1) // 2) for cells in coarsest]
    for _ in range(_TRIES):
        starts = [int(rng.integers(cells - side + 1)) for cells, side in zip(coarsest, sides, strict=True)]
        part = labels[_box(starts, sides, finer[0])]
        if (part != IGNORED).any():
            break
    return [level[_box(starts, sides, by)] for level, by in zip(maps, finer, strict=True)], part


def _box(starts: Sequence[int], sides: Sequence[int], cells: int) -> tuple[Any, ...]:
    """Where a window lies on a map that has ``cells`` × ``cells`` for one of the coarsest."""
    places = (slice(start * cells, (start + side) * cells) for start, side in zip(starts, sides, strict=True))
    return (..., *places)


def _stacked(maps: Sequence[np.ndarray]) -> torch.Tensor:
    """(C, h, w) float16 maps as one (N, C, h, w) float32 tensor, the edges of smaller ones repeated."""
    height, width = common_size([(level.shape[1], level.shape[2]) for level in maps])
    padded = [_padded(level, (height, width)) for level in maps]
    return torch.from_numpy(np.stack(padded)).to(torch.float32, memory_format=torch.channels_last)


def _padded(level: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    below, right = size[0] - level.shape[1], size[1] - level.shape[2]
    return np.pad(level, [(0, 0), (0, below), (0, right)], mode="edge") if below or right else level
