"""FiftyOne's models, from its zoo or the user's own, as predictors of class scores."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from ..base.errors import LabelQualityError
from ..base.types import Geometry, Prediction
from ..samples.private_fiftyone import output_processor, output_processor_replaced
from .networks import class_scores, first_line, to_prediction


def in_zoo(name: str) -> bool:
    """Whether FiftyOne's zoo has a model of that name, maybe with @version."""
    import fiftyone.zoo as foz

    return name.split("@")[0] in foz.list_zoo_models()


def load_zoo_model(name: str, device: torch.device, trust: bool) -> Any:
    """Loads a model of FiftyOne's zoo by its name, downloading it if need be.

    Args:
        name: as ``foz.list_zoo_models()`` has it, maybe with @version; with ``trust`` also a remote source
        device: where the model runs
        trust: whether a model that brings code of its own may be loaded

    Raises:
        LabelQualityError: no such model, a remote source that is not trusted, or the model cannot be loaded
    """
    import fiftyone.zoo as foz

    if not in_zoo(name) and not trust:
        raise LabelQualityError(
            f"FiftyOne's model zoo has no model {name!r}; fiftyone.zoo.list_zoo_models() lists them. A remote source "
            "brings code of its own: if you trust it, load it with trust=True."
        )
    try:
        return foz.load_zoo_model(name, device=str(device))
    except Exception as error:
        raise LabelQualityError(f"FiftyOne's zoo model {name!r} cannot be loaded: {first_line(error)}.") from error


class FiftyOnePredictor:
    """Runs a FiftyOne torch model on images, with the model's own transforms, and keeps its raw output.

    Args:
        model: a ``fiftyone.utils.torch.TorchImageModel`` that segments semantically; it stays on its own device

    Raises:
        LabelQualityError: another kind of model
    """

    def __init__(self, model: Any) -> None:
        from fiftyone.utils.torch import TorchImageModel

        if not isinstance(model, TorchImageModel):
            raise LabelQualityError(
                f"Expected a FiftyOne torch model (fiftyone.utils.torch.TorchImageModel) or a torch.nn.Module, whose "
                f"class scores can be read, but got a {type(model).__name__}."
            )
        self.model = model

    def own_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """The image's own size: the model's transforms resize it themselves."""
        return size

    def group(self, size: tuple[int, int]) -> tuple[int, int]:
        """Images of the same size go in one batch."""
        return size

    def names(self, outputs: int) -> tuple[str, ...] | None:
        """The model's names of its outputs, from its mask targets or its classes; None where they do not fit."""
        first = 1 if getattr(output_processor(self.model), "no_background_cls", False) else 0
        targets = {int(value): str(name) for value, name in (self.model.mask_targets or {}).items()}
        if first == 0 and targets:
            targets.setdefault(0, "background")
        if all(first + output in targets for output in range(outputs)):
            return tuple(targets[first + output] for output in range(outputs))
        classes = self.model.classes
        return tuple(map(str, classes)) if classes and len(classes) == outputs else None

    def __call__(self, images: list[np.ndarray]) -> list[Prediction]:
        """Class scores of the model's own classes for images of one size.

        Args:
            images: each (H, W, 3) uint8 RGB

        Returns:
            per image (O, h, w) float32 values whose grid covers the whole image
        """
        scores = class_scores(self._raw_output(images), len(images))
        grid = (scores.shape[2], scores.shape[3])
        return [to_prediction(values, Geometry(grid, grid), None) for values in scores]

    def _raw_output(self, images: list[np.ndarray]) -> Any:
        """What the network gives, taken where the model would make labels of it."""
        recorder = _Recorder()
        try:
            with output_processor_replaced(self.model, recorder), torch.inference_mode(), self.model:
                self.model.predict_all(images)
        except Exception as error:
            size = f"{images[0].shape[0]}×{images[0].shape[1]}"
            raise LabelQualityError(
                f"The FiftyOne model failed on {len(images)} images of {size} pixels: {first_line(error)}."
            ) from error
        return recorder.output


class _Recorder:
    """Stands in for an output processor, and keeps what it is given."""

    output: Any = None

    def __call__(self, output: Any, *args: Any, **kwargs: Any) -> list[None]:
        self.output = output
        return []
