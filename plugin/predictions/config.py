"""The parameters of predictions that the user has stored, and all sources of predictions by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from ..base.config import Config
from ..base.parameters import parameter, repeated, require
from ..models.config import ModelSource
from ..training.config import CrossValidation


@dataclass(frozen=True)
class FilesSource(Config):
    """Predictions that the user has stored.

    ``field`` is a string field with the path of each sample's ``.npy`` / ``.npz`` array (K, H, W), or a segmentation
    field with predicted masks; ``class_map`` is from the array's channel.
    """

    source: ClassVar[str] = "files"

    field: str = parameter("", "Field of the predictions", "Paths of probability files, or predicted masks")
    content: str = parameter(
        "auto", "The arrays hold", "What the files hold", choices=("auto", "probabilities", "logits")
    )
    class_map: Mapping[str, str | int] | None = repeated(ModelSource, "class_map", empty="the same number")
    out_of_sample: bool = parameter(True, "No prediction comes from a model trained on that same sample")

    def validate(self) -> None:
        require(bool(self.field), "field", "the name of a field", self.field)


PredictionConfig = CrossValidation | ModelSource | FilesSource
PREDICTION_SOURCES: dict[str, type[CrossValidation] | type[ModelSource] | type[FilesSource]] = {
    source.source: source for source in (CrossValidation, ModelSource, FilesSource)
}
