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


#: Parameters of audits alone: not of a benchmark's, nor of trainings that measure a gain
OF_AUDITS = ("only_folds", "leave_out")
#: Those that trainings that measure a gain do not have: what is better about all predictions alike is no gain
NOT_OF_GAIN = (*OF_AUDITS, "mirror")


@dataclass(frozen=True)
class CrossValidation(Config):
    """Out-of-sample predictions by K-fold cross-validation.

    Where it is None, preset ``fast`` has a light pyramid for an architecture, ``paper`` DeepLabV3Plus. ``weights=None``
    is random initialisation. Folds are numbered from 0.
    """

    source: ClassVar[str] = "cross_validation"
    execution_only: ClassVar[tuple[str, ...]] = ("device", "only_folds")
    added: ClassVar[tuple[str, ...]] = ("mixed_precision", "leave_out", "mirror")

    folds: int = parameter(
        5, "Folds", "Number of models; each predicts the part it was not trained on", within="[2, inf)", unit="K"
    )
    seed: int = parameter(51, "Seed", "The same seed gives the same folds and weights", within="[0, inf)")
    group_field: str | None = parameter(
        None,
        "Group by",
        "Samples with the same value of this field (patient, scene, video) stay in one fold",
        empty="the videos of frames, the groups of grouped images, else nothing",
        unit="FIELD",
    )
    blocks: bool = parameter(False, "The images are frames of a video", "Keeps neighbouring frames in one fold")
    block_size: int | None = parameter(
        None,
        "Frames a block",
        "So many neighbouring frames stay in one fold",
        within="[1, inf)",
        empty="a quarter of a fold",
    )
    order_field: str = parameter("filepath", "Order of the frames", "The field that orders the frames", unit="FIELD")
    preset: str = parameter(
        "auto",
        "Preset",
        "fast trains a light decoder on a frozen encoder, paper the whole network; auto is paper where a GPU is",
        choices=_PRESETS,
    )
    architecture: str | None = parameter(
        None,
        "Architecture",
        "Decoder of segmentation-models-pytorch; preset fast takes FPN or DeepLabV3Plus",
        empty=_OWN,
        short=True,
    )
    encoder: str | None = parameter(
        None, "Encoder", "Of segmentation-models-pytorch, such as se_resnext50_32x4d", empty=_OWN, short=True
    )
    weights: str | None = parameter("imagenet", "Encoder weights", "imagenet, a weights file, or none", none="none")
    input_size: int | None = repeated(ModelSource, "input_size", empty=_OWN)
    tile: int | None = repeated(ModelSource, "tile")
    epochs: int | None = parameter(
        None, "Epochs at most", "Most epochs that a model trains", within="[1, inf)", empty=_OWN
    )
    batch_size: int | None = repeated(ModelSource, "batch_size", empty=_OWN)
    learning_rate: float | None = parameter(
        None, "Learning rate", "The learning rate at its peak", within="(0, inf)", empty=_OWN, unit="RATE"
    )
    augment: bool = parameter(
        True,
        "Augment the training images",
        "Only with preset paper; without mirror images where classes are called left or right",
    )
    mixed_precision: bool = parameter(
        True, "Mixed precision", "With preset paper on a GPU, 16 bits where they suffice; else 32 everywhere"
    )
    mirror: bool = parameter(
        True,
        "Average with the mirror image",
        "With preset fast, predict each image and its mirror image; not where classes are called left or right",
    )
    leave_out: str | None = parameter(
        None,
        "Leave out the suspects of",
        "Key of an earlier run whose suspects, unless rejected, are not learnt from: a second look finds mistakes that "
        "are repeated",
        empty="no run",
        unit="KEY",
    )
    device: str = repeated(ModelSource, "device", "auto")
    only_folds: tuple[int, ...] | None = parameter(
        None,
        "Only these folds",
        "Train and predict these folds now, of 0, 1, …, and others in a later run",
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
