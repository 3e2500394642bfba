"""What a run will do and how long it takes, in words."""

from __future__ import annotations

import importlib
import threading
from functools import lru_cache
from typing import Any

from ..plugin.config import CrossValidation
from ..plugin.terminal import format_seconds

#: Longest wait for torch's first import: a form without an estimate is better than one that hangs
_PATIENCE = 4.0
_PRESETS = {"fast": "the fast preset", "paper": "the paper preset"}


def describe_cross_validation(config: CrossValidation, images: int) -> str:
    """One sentence on the training ahead, with its time once torch is imported.

    Args:
        config: the parameters
        images: number of images with a mask
    """
    trained = len(config.only_folds) if config.only_folds is not None else config.folds
    training = round(images * (config.folds - 1) / config.folds)
    what = f"{trained} model{'s' if trained > 1 else ''} will be trained on {training} images each"
    engine = _engine()
    if engine is None:
        return f"{what}, and each predicts the images that it has not seen."
    resolved = engine.resolve_preset(config)
    seconds = engine.estimate_seconds(config, images, config.device)
    return f"{what} with {_PRESETS[_preset(resolved)]} on {_device(config)}; about {format_seconds(seconds)}."


def _engine() -> Any | None:
    """The module of cross-validation, or None while it is still being imported in the background."""
    done, outcome = _import_in_background()
    done.wait(_PATIENCE)
    return outcome.get("module")


@lru_cache(maxsize=1)
def _import_in_background() -> tuple[threading.Event, dict[str, Any]]:
    done = threading.Event()
    outcome: dict[str, Any] = {}

    def target() -> None:
        try:
            outcome["module"] = importlib.import_module("..plugin.cross_validation", __package__)
        finally:
            done.set()

    threading.Thread(target=target, name="label-quality-import", daemon=True).start()
    return done, outcome


def _preset(resolved: Any) -> str:
    return resolved if isinstance(resolved, str) else resolved.preset


def _device(config: CrossValidation) -> str:
    import torch

    uses_gpu = config.device.startswith("cuda") or (config.device == "auto" and torch.cuda.is_available())
    return "the GPU" if uses_gpu else "the CPU"
