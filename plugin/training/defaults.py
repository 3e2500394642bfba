"""What ``fast`` and ``paper`` stand for, known without PyTorch."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..models.config import LITE0
from .config import CrossValidation

#: Epochs that ``fast`` trains, if no other number is asked for
USUAL_EPOCHS = 6


@dataclass(frozen=True)
class Defaults:
    """A preset's own values of the parameters that are None."""

    architecture: str | None
    encoder: str
    input_size: int | None
    epochs: int
    batch_size: int
    learning_rate: float


DEFAULTS = {
    "fast": Defaults(None, LITE0, 384, USUAL_EPOCHS, 8, 8e-3),
    "paper": Defaults("DeepLabV3Plus", "se_resnext50_32x4d", None, 30, 8, 1e-3),
}


def filled_in(config: CrossValidation, preset: str) -> CrossValidation:
    """The config with a preset, and the preset's own values where it has None.

    Args:
        config: what the user asks for
        preset: ``fast`` or ``paper``

    Returns:
        as `presets.resolve_preset`, but for the spelling of the architecture
    """
    own = DEFAULTS[preset]
    size = own.input_size if config.input_size is None and config.tile is None else config.input_size
    return dataclasses.replace(
        config,
        preset=preset,
        architecture=config.architecture or own.architecture,
        encoder=config.encoder or own.encoder,
        input_size=size,
        epochs=config.epochs or own.epochs,
        batch_size=max(2, config.batch_size or own.batch_size),
        learning_rate=config.learning_rate or own.learning_rate,
    )


def chosen(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Of the parameters in a run's record, those that are not its preset's own: another preset has its own.

    Args:
        parameters: of a `CrossValidation`, with its preset's own filled in; none of another source
    """
    preset = parameters.get("preset")
    own = dataclasses.asdict(DEFAULTS[preset]) if preset in DEFAULTS else {}
    return {name: value for name, value in parameters.items() if name not in own or value != own[name]}
