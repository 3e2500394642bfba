"""What a run will do and how long it takes, in words."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from ...plugin.base.console import format_seconds
from ...plugin.models.config import ModelSource
from ...plugin.training.config import CrossValidation

#: Longest wait for torch's first import: a form without an estimate is better than one that hangs
_PATIENCE = 4.0
#: Scoring a 360 × 480 image of 12 classes from its file, maps included: measured on two cores with other work on them
_SCORING = 0.25
#: CPU seconds a megapixel of DeepLabV3+ and U-Net with a ResNet-50 encoder, measured on one core
_MODEL = 3.1
#: Longest side and aspect of images that nothing is known of
_SIDE, _SHAPE = 640, 0.75


def describe_cross_validation(config: CrossValidation, images: int) -> str:
    """One sentence on the training ahead, with its time once torch is imported.

    Args:
        config: the parameters
        images: number of images with a mask

    Raises:
        LabelQualityError: there is no such device here
    """
    trained = len(config.only_folds) if config.only_folds is not None else config.folds
    training = round(images * (config.folds - 1) / config.folds)
    what = f"{trained} model{'s' if trained > 1 else ''} will be trained on {training} images each"
    presets = engine()
    if presets is None:
        return f"{what}, and each predicts the images that it has not seen."
    seconds = presets.estimate_seconds(config, images, config.device)
    return f"{what} {_with_preset(presets, config)}; about {format_seconds(seconds)}."


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
    seconds = trainings * presets.estimate_seconds(config, images, config.device)
    return f"{what} {_with_preset(presets, config)}; about {format_seconds(seconds)}."


def describe_benchmark(presets: Any, audits: Sequence[CrossValidation], images: int, kinds: int) -> str:
    """One sentence on the audits ahead, with their time.

    Args:
        presets: the module, `engine`
        audits: the predictions of each architecture
        images: number of images with a mask
        kinds: number of kinds of errors, each of which is audited by itself
    """
    number = kinds * len(audits)
    seconds = number * images * _SCORING
    seconds += kinds * sum(presets.estimate_seconds(one, images, one.device) for one in audits)
    each = f"each of which trains {audits[0].folds} models {_with_preset(presets, audits[0])}"
    return f"{number} audit{'s' * (number != 1)} of {images} images, {each}; about {format_seconds(seconds)}."


def describe_scoring(images: int) -> str:
    """One sentence on scoring stored predictions.

    Args:
        images: number of images with a mask
    """
    seconds = max(2.0, images * _SCORING)
    return f"{images} images will be scored with the stored predictions; about {format_seconds(seconds)}."


def describe_model(config: ModelSource, images: int) -> str:
    """One sentence on predicting with the user's model, with the time that a model of usual size takes.

    Args:
        config: the parameters
        images: number of images with a mask

    Raises:
        LabelQualityError: there is no such device here
    """
    what = f"The model predicts {images} images, one batch after another, and the predictions are stored"
    presets = engine()
    if presets is None:
        return f"{what}."
    side = config.input_size or _SIDE
    seconds = images * (
        _SCORING + side * side * _SHAPE / 1e6 * _MODEL / presets.speed(presets.torch_device(config.device))
    )
    return f"{what}; about {format_seconds(seconds)} for a model with a ResNet-50 encoder."


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
