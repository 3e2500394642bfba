"""The parameters of predictions that the user has stored, and all sources of predictions by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from ..base.config import Config, require
from ..models.config import ModelSource
from ..training.config import CrossValidation


@dataclass(frozen=True)
class FilesSource(Config):
    """Predictions that the user has stored.

    Args:
        field: a string field with the path of each sample's ``.npy`` / ``.npz`` array (K, H, W), or a segmentation
            field with predicted masks
        content: ``probabilities``, ``logits``, or ``auto`` to tell by the values
        class_map: as in `ModelSource`, from the file's channel index
        out_of_sample: the user's word that no prediction comes from a model trained on that same sample
    """

    source: ClassVar[str] = "files"

    field: str = ""
    content: str = "auto"
    class_map: Mapping[str, str | int] | None = None
    out_of_sample: bool = True

    def validate(self) -> None:
        require(bool(self.field), "field", "the name of a field", self.field)
        contents = ("auto", "probabilities", "logits")
        require(self.content in contents, "content", f"one of {', '.join(contents)}", self.content)


PredictionConfig = CrossValidation | ModelSource | FilesSource
PREDICTION_SOURCES: dict[str, type[CrossValidation] | type[ModelSource] | type[FilesSource]] = {
    source.source: source for source in (CrossValidation, ModelSource, FilesSource)
}
