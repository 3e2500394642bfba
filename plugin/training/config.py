"""The parameters of K-fold cross-validation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..base.config import Config, require
from ..base.foreign_files import check_path


@dataclass(frozen=True)
class CrossValidation(Config):
    """Out-of-sample predictions by K-fold cross-validation.

    Args:
        folds: number of folds K, at least 2
        seed: seed of the fold assignment, the initial weights and the batches
        group_field: samples with the same value of this field stay in one fold (patient, scene, video)
        blocks: the samples are frames in order; blocks of consecutive frames stay in one fold
        block_size: frames a block; by default a block is a quarter of a fold
        order_field: the field that orders the frames
        preset: ``fast`` (frozen encoder, cached features, a light decoder a fold), ``paper`` (full fine-tuning), or
            ``auto`` (``paper`` where a GPU is, else ``fast``)
        architecture: decoder of segmentation-models-pytorch, ``DeepLabV3Plus`` or ``FPN`` for ``fast``, or None for the
            preset's own: a light pyramid for ``fast``, ``DeepLabV3Plus`` for ``paper``
        encoder: encoder name of segmentation-models-pytorch, or None for the preset's own
        weights: ``imagenet``, a weights file, or None for random initialisation
        input_size: longest side of an image as the model sees it, in pixels, or None for the preset's own
        tile: side of the tiles that larger images are cut into, in pixels, or None for no tiling
        epochs: most epochs a fold trains, or None for the preset's own
        batch_size: images a training step, or None for the preset's own
        learning_rate: peak learning rate, or None for the preset's own
        augment: random flips, crops and photometric changes while training; only for ``paper``
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``
        only_folds: train and predict these folds now and leave the others for a later call
    """

    source: ClassVar[str] = "cross_validation"
    execution_only: ClassVar[tuple[str, ...]] = ("device", "only_folds")

    folds: int = 5
    seed: int = 51
    group_field: str | None = None
    blocks: bool = False
    block_size: int | None = None
    order_field: str = "filepath"
    preset: str = "auto"
    architecture: str | None = None
    encoder: str | None = None
    weights: str | None = "imagenet"
    input_size: int | None = None
    tile: int | None = None
    epochs: int | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    augment: bool = True
    device: str = "auto"
    only_folds: tuple[int, ...] | None = None

    def validate(self) -> None:
        require(self.folds >= 2, "folds", "at least 2", self.folds)
        require(self.preset in ("auto", "fast", "paper"), "preset", "'auto', 'fast' or 'paper'", self.preset)
        require(not (self.blocks and self.group_field), "blocks", "False where group_field is given", self.blocks)
        for name, least in (("block_size", 1), ("input_size", 32), ("tile", 64), ("epochs", 1), ("batch_size", 1)):
            value = getattr(self, name)
            require(value is None or value >= least, name, f"at least {least}", value)
        require(self.learning_rate is None or self.learning_rate > 0, "learning_rate", "positive", self.learning_rate)
        check_path(self.weights, "weights")
        folds = self.only_folds or ()
        require(all(0 <= f < self.folds for f in folds), "only_folds", f"folds of 0..{self.folds - 1}", folds)
