"""What a run will do and how long it takes, in words."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from ...plugin.base.console import format_seconds
from ...plugin.models.config import ModelSource
from ...plugin.runs.forecast import first_size, forecast
from ...plugin.training.config import CrossValidation

Size = tuple[int, int]

#: Seconds of a run that are no stage's
_STARTING = 2.0
#: Longest wait for torch's first import: a form without an estimate is better than one that hangs
_PATIENCE = 4.0


def describe_cross_validation(config: CrossValidation, images: int, size: Size, scored: bool) -> str:
    """One sentence on the training ahead, with the run's time once torch is imported.

    Args:
        config: the parameters
        images: number of images with a mask
        size: (height, width) of one
        scored: whether the run scores them too, and looks for suspects

    Raises:
        LabelQualityError: there is no such device here
    """
    trained = len(config.only_folds) if config.only_folds is not None else config.folds
    training = round(images * (config.folds - 1) / config.folds)
    what = f"{trained} model{'s' if trained > 1 else ''} will be trained on {training} images each"
    presets = engine()
    if presets is None:
        return f"{what}, and each predicts the images that it has not seen."
    seconds = sum(forecast(images, size, config, scored, scored).values())
    return f"{what} {_with_preset(presets, config)}; {_about(seconds)}."


def describe_gain(config: CrossValidation, images: int, repeats: int) -> str:
    """One sentence on the trainings ahead that measure a gain, with their time.

    Args:
        config: the parameters
        images: number of images
        repeats: trainings of each of the three kinds of masks
    """
    trainings = 3 * repeats
    what = f"{trainings} times {config.folds} models will be trained on {images} images"
    presets = engine()
    if presets is None:
        return f"{what}."
    seconds = trainings * presets.estimate_seconds(replace(config, mirror=False), images, config.device)
    return f"{what} {_with_preset(presets, config)}; {_about(seconds)}."


def describe_benchmark(presets: Any, audits: Sequence[CrossValidation], images: int, kinds: int, size: Size) -> str:
    """One sentence on the audits ahead, with their time.

    Args:
        presets: the module, `engine`
        audits: the predictions of each architecture
        images: number of images with a mask
        kinds: number of kinds of errors, each of which is audited by itself
        size: (height, width) of an image
    """
    number = kinds * len(audits)
    seconds = kinds * sum(sum(forecast(images, size, one).values()) for one in audits)
    each = f"each of which trains {audits[0].folds} models {_with_preset(presets, audits[0])}"
    return f"{number} audit{'s' * (number != 1)} of {images} images, {each}; {_about(seconds)}."


def describe_scoring(images: int, size: Size) -> str:
    """One sentence on scoring stored predictions.

    Args:
        images: number of images with a mask
        size: (height, width) of one
    """
    seconds = sum(forecast(images, size, suspects=True).values())
    return f"{images:,} images will be scored with the stored predictions; {_about(seconds)}."


def describe_model(config: ModelSource, images: int, size: Size, scored: bool) -> str:
    """One sentence on predicting with the user's model, with the time that a model of usual size takes.

    Args:
        config: the parameters
        images: number of images with a mask
        size: (height, width) of one
        scored: whether the run scores them too, and looks for suspects

    Raises:
        LabelQualityError: there is no such device here
    """
    what = f"The model predicts {images} images, one batch after another, and the predictions are stored"
    presets = engine()
    if presets is None:
        return f"{what}."
    seconds = sum(forecast(images, size, config, scored, scored).values())
    return f"{what}; {_about(seconds)} for a model with a ResNet-50 encoder."


def size_of(samples: Any) -> Size:
    """Height and width of the first image of a dataset or view."""
    return first_size(samples.limit(1).values("filepath"))


def _about(seconds: float) -> str:
    return f"about {format_seconds(_STARTING + seconds)}"


def _with_preset(presets: Any, config: CrossValidation) -> str:
    device = "the GPU" if presets.torch_device(config.device).type == "cuda" else "the CPU"
    return f"with the {presets.resolve_preset(config).preset} preset on {device}"


def engine() -> Any | None:
    """The module of presets, which imports torch, or None while it is still being imported in the background."""
    done, outcome = _import_in_background()
    done.wait(_PATIENCE)
    return outcome.get("module")


@lru_cache(maxsize=1)
def _import_in_background() -> tuple[threading.Event, dict[str, Any]]:
    done = threading.Event()
    outcome: dict[str, Any] = {}

    def target() -> None:
        try:
            outcome["module"] = importlib.import_module("...plugin.training.presets", __package__)
        finally:
            done.set()

    threading.Thread(target=target, name="label-quality-import", daemon=True).start()
    return done, outcome
