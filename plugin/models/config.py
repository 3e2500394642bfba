"""The parameters of a model that the user has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from ..base.config import Config, require
from ..base.foreign_files import check_path


@dataclass(frozen=True)
class ModelSource(Config):
    """Predictions of a model that the user has.

    Args:
        model: a checkpoint's path, a FiftyOne zoo model's name, or a Hugging Face model's name or folder
        kind: ``smp``, ``torchscript``, ``fiftyone``, ``huggingface``, or ``auto`` to tell by the file
        architecture: of segmentation-models-pytorch, for a checkpoint that holds only weights
        encoder: likewise
        class_map: the model's class (name or output index, as a string) to a class name or mask value of the dataset;
            None maps equal names, or index to index where the model has no names and as many outputs as classes
        mean: per-channel mean of the model's input, for pixel values in [0, 1]; None for the model's own or ImageNet's
        std: likewise the standard deviation
        input_size: longest side of an image as the model sees it, or None for the image's own size
        tile: side of the tiles that larger images are cut into, or None for no tiling
        batch_size: images a forward pass
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``
        out_of_sample: the user's word that the model was not trained on these samples
        trust: allow files that run code when they are loaded
    """

    source: ClassVar[str] = "model"
    execution_only: ClassVar[tuple[str, ...]] = ("device", "batch_size")

    model: str = ""
    kind: str = "auto"
    architecture: str | None = None
    encoder: str | None = None
    class_map: Mapping[str, str | int] | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    input_size: int | None = None
    tile: int | None = None
    batch_size: int = 8
    device: str = "auto"
    out_of_sample: bool = False
    trust: bool = False

    def validate(self) -> None:
        kinds = ("auto", "smp", "torchscript", "fiftyone", "huggingface")
        require(bool(self.model), "model", "a path or a name", self.model)
        check_path(self.model, "model")
        require(self.kind in kinds, "kind", f"one of {', '.join(kinds)}", self.kind)
        for name, least in (("input_size", 32), ("tile", 64), ("batch_size", 1)):
            value = getattr(self, name)
            require(value is None or value >= least, name, f"at least {least}", value)
