"""An evaluation in words and as rows of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..base.words import count, decimal, percent

if TYPE_CHECKING:
    from .evaluate import Evaluation


def evaluation_sentences(found: Evaluation) -> list[str]:
    """The main figures, and where the rest is."""
    images, pixels = count(found.images, "image"), count(found.pixels, "pixel")
    if found.accuracy is None or found.miou is None:
        figures = f"No pixel of {images} counts: none is given and predicted as a class of run '{found.key}'."
    else:
        figures = (
            f"The predictions of run '{found.key}' have the given class at {percent(found.accuracy)} of {pixels} in "
            f"{images}, with a mean IoU of {found.miou:.3f}."
        )
    return [figures, f"The panel Model Evaluation opens it as '{found.eval_key}'."]


def evaluated_class_rows(found: Evaluation) -> list[dict[str, str]]:
    """A row for each class that is given or predicted, in the order of the class table."""
    return [
        {
            "name": one.name,
            "pixels": f"{one.pixels:,}",
            "iou": decimal(one.iou),
            "precision": decimal(one.precision),
            "recall": decimal(one.recall),
        }
        for one in found.classes
        if one.precision is not None or one.recall is not None
    ]
