"""The parameters of a model that the user has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from ..base.config import Config
from ..base.foreign_files import check_path
from ..base.parameters import parameter, require

_KINDS = {
    "auto": "Tell by the file",
    "smp": "segmentation-models-pytorch checkpoint",
    "torchscript": "TorchScript file",
    "fiftyone": "FiftyOne zoo model",
    "huggingface": "Hugging Face model",
}
_OF_WEIGHTS = "Of segmentation-models-pytorch, for a checkpoint that holds only weights"


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

    model: str = parameter(
        "",
        "A checkpoint's path, a FiftyOne zoo model's name, or a Hugging Face model's name or folder",
        label="Model",
    )
    kind: str = parameter("auto", "What the model is", label="Kind of model", choices=_KINDS)
    architecture: str | None = parameter(None, _OF_WEIGHTS, label="Architecture", short=True)
    encoder: str | None = parameter(None, _OF_WEIGHTS, label="Encoder", short=True)
    class_map: Mapping[str, str | int] | None = parameter(
        None,
        "The model's class (name or number) to the dataset's (name or value), as '0: road, 1: car', or a JSON file",
        label="Class map",
        empty="equal names",
        unit="MAP",
    )
    mean: tuple[float, ...] | None = parameter(
        None,
        "Of the model's input, per channel, for pixels in 0..1",
        label="Mean",
        empty="the model's own or ImageNet's",
        short=True,
    )
    std: tuple[float, ...] | None = parameter(
        None,
        "Likewise the standard deviation",
        label="Standard deviation",
        empty="the model's own or ImageNet's",
        short=True,
    )
    input_size: int | None = parameter(
        None,
        "Longest side of an image as the model sees it, in pixels",
        label="Input size",
        within="[32, inf)",
        empty="the model's or the image's own",
        unit="PIXELS",
    )
    tile: int | None = parameter(
        None,
        "Side of the tiles that larger images are cut into, in pixels",
        label="Tile size",
        within="[64, inf)",
        empty="none",
        unit="PIXELS",
    )
    batch_size: int = parameter(8, "Images a step", label="Batch size", within="[1, inf)")
    device: str = parameter("auto", "auto, cpu, cuda or cuda:N", label="Device", short=True)
    out_of_sample: bool = parameter(False, "", label="The model has never seen these samples in its training")
    trust: bool = parameter(
        False,
        "Some files can only be loaded so; say yes to files you trust",
        label="Run code from the model's file",
    )

    def validate(self) -> None:
        require(bool(self.model), "model", "a path or a name", self.model)
        check_path(self.model, "model")
        for name in ("mean", "std"):
            values = getattr(self, name)
            require(values is None or len(values) == 3, name, "three numbers, one a colour channel", values)

    def check(self) -> None:
        from .user_models import check_model

        check_model(self)
