"""The parameters of K-fold cross-validation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..base.config import Config
from ..base.foreign_files import check_path
from ..base.parameters import parameter, repeated, require
from ..models.config import ModelSource

_PRESETS = {
    "auto": "Automatic: paper where a GPU is, else fast",
    "fast": "Fast: frozen encoder, a light decoder for each fold",
    "paper": "Paper: full fine-tuning, the most accurate, wants a GPU",
}
_OWN = "the preset's own"


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

    folds: int = parameter(
        5, "Number of models; each predicts the part it was not trained on", label="Folds", within="[2, inf)", unit="K"
    )
    seed: int = parameter(51, "The same seed gives the same folds and weights", label="Seed", within="[0, inf)")
    group_field: str | None = parameter(
        None,
        "Samples with the same value of this field (patient, scene, video) stay in one fold",
        label="Group by",
        unit="FIELD",
    )
    blocks: bool = parameter(False, "Keeps neighbouring frames in one fold", label="The images are frames of a video")
    block_size: int | None = parameter(
        None,
        "So many neighbouring frames stay in one fold",
        label="Frames a block",
        within="[1, inf)",
        empty="a quarter of a fold",
    )
    order_field: str = parameter(
        "filepath", "The field that orders the frames", label="Order of the frames", unit="FIELD"
    )
    preset: str = parameter(
        "auto",
        "fast trains a light decoder on a frozen encoder, paper the whole network; auto is paper where a GPU is",
        label="Preset",
        choices=_PRESETS,
    )
    architecture: str | None = parameter(
        None,
        "Decoder of segmentation-models-pytorch; preset fast takes FPN or DeepLabV3Plus",
        label="Architecture",
        empty=_OWN,
        short=True,
    )
    encoder: str | None = parameter(
        None,
        "Of segmentation-models-pytorch, such as se_resnext50_32x4d",
        label="Encoder",
        empty=_OWN,
        short=True,
    )
    weights: str | None = parameter(
        "imagenet", "imagenet, a weights file, or none", label="Encoder weights", none="none"
    )
    input_size: int | None = repeated(ModelSource, "input_size", empty=_OWN)
    tile: int | None = repeated(ModelSource, "tile")
    epochs: int | None = parameter(
        None, "Most epochs that a model trains", label="Epochs at most", within="[1, inf)", empty=_OWN
    )
    batch_size: int | None = repeated(ModelSource, "batch_size", empty=_OWN)
    learning_rate: float | None = parameter(
        None, "The learning rate at its peak", label="Learning rate", within="(0, inf)", empty=_OWN, unit="RATE"
    )
    augment: bool = parameter(True, "Only with preset paper", label="Augment the training images")
    device: str = repeated(ModelSource, "device", "auto")
    only_folds: tuple[int, ...] | None = parameter(
        None,
        "Train and predict these folds now, of 0, 1, …, and others in a later run",
        label="Only these folds",
        empty="all",
        unit="FOLD",
    )

    def validate(self) -> None:
        require(not (self.blocks and self.group_field), "blocks", "False where group_field is given", self.blocks)
        check_path(self.weights, "weights")
        folds = self.only_folds or ()
        require(all(0 <= f < self.folds for f in folds), "only_folds", f"folds of 0..{self.folds - 1}", folds)

    def check(self) -> None:
        from .presets import check_trainable

        check_trainable(self)
