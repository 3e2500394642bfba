"""Which preset ``auto`` is here, whether it can be trained, and about how long that takes."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import torch

from ..engine.engine import current_engine
from ..models.checkpoints import known_model
from ..models.decoders import known_architecture
from ..models.exported import can_export
from ..models.resizing import input_size
from ..models.user_models import torch_device
from ..models.weights import check_encoder
from .config import CrossValidation
from .defaults import filled_in
from .fine_tuning import LARGEST, FineTuning
from .folds import HELD_OUT
from .frozen_features import FrozenFeatures


@dataclass(frozen=True)
class Cost:
    """Seconds a million pixels of input on one CPU core.

    Measured with one thread of an AVX-512 core. ``fast``: EfficientNet-Lite0 and the light decoder at 384 × 288, of
    which a step of training sees a quarter.
    ``paper``: DeepLabV3Plus on se_resnext50_32x4d at 384 × 480 (0.22 training steps and 1.0 predictions an image a
    second); other encoders differ by up to four times.
    """

    prepare: float
    train: float
    predict: float


COSTS = {"fast": Cost(0.6, 0.025, 0.06), "paper": Cost(0.05, 24.7, 5.4)}
#: Share of the time that is left to prepare an image where ONNX Runtime does it
_EXPORTED = 0.4
#: What a second core adds, as threads wait for one another
_EXTRA_CORE = 0.6
#: A guess, not a measurement: a data-centre GPU against one core
_GPU_SPEEDUP = 100.0
#: Height and width of an image whose size is not known
_USUAL_SIZE = (480, 640)


def resolve_preset(config: CrossValidation) -> CrossValidation:
    """The config with ``auto`` decided and the preset's own values where it has None.

    Args:
        config: what the user asks for

    Returns:
        preset ``fast`` or ``paper``; architecture (None is the light pyramid of ``fast``), encoder, epochs, batch_size
        (at least 2, as the networks standardise over the batch) and learning_rate given. ``input_size`` stays None
        where images are seen at their own size: with ``tile``, and with ``paper``, which shrinks them to
        `fine_tuning.LARGEST` only.

    Raises:
        LabelQualityError: no such device here, or an architecture that ``fast`` cannot train
    """
    preset = config.preset
    if preset == "auto":
        preset = "paper" if _on_gpu(config.device) else "fast"
    if preset == "fast" and config.architecture is not None:
        config = dataclasses.replace(config, architecture=known_architecture(config.architecture))
    return filled_in(config, preset)


def _on_gpu(device: str) -> bool:
    """Whether networks run on a GPU: of the cluster, where there is one and nothing else is asked for."""
    there = current_engine().has_gpus
    return there if there is not None and device == "auto" else torch_device(device).type == "cuda"


def check_trainable(config: CrossValidation) -> None:
    """Raises `LabelQualityError` where no such models can be trained here; nothing is built or fetched."""
    resolved = resolve_preset(config)
    torch_device(resolved.device)
    if resolved.preset == "paper" and resolved.architecture is not None:
        known_model(resolved.architecture)
    check_encoder(str(resolved.encoder), resolved.weights)


def estimate_seconds(
    config: CrossValidation, images: int, device: str = "auto", size: tuple[int, int] | None = None
) -> float:
    """About how long training and predicting take together: the sum of `estimate_stages`, with the same arguments."""
    return sum(estimate_stages(config, images, device, size).values())


def estimate_stages(
    config: CrossValidation, images: int, device: str = "auto", size: tuple[int, int] | None = None
) -> dict[str, float]:
    """About how long training and predicting take: with 20 to 2,000 images of 240 × 320 right within a factor of two.

    Args:
        config: resolved or not
        images: number of images
        device: as in `CrossValidation`
        size: (height, width) of an image; by default a usual one

    Returns:
        name of each stage, without folds, to seconds, from the costs in `COSTS`, which were measured on one CPU core; a
        GPU's are guessed
    """
    resolved = resolve_preset(dataclasses.replace(config, device=device))
    cost = COSTS[resolved.preset]
    size = size or _USUAL_SIZE
    height, width = size if resolved.tile is not None else input_size(size, resolved.input_size, LARGEST)
    megapixels = height * width / 1e6
    folds = len(resolved.only_folds) if resolved.only_folds is not None else resolved.folds
    kind: type[FrozenFeatures | FineTuning] = FrozenFeatures if resolved.preset == "fast" else FineTuning
    epochs = resolved.epochs or 1
    learnt_from = 1 - HELD_OUT if epochs > kind.unwatched_epochs else 1.0
    training = images * (1 - 1 / resolved.folds) * learnt_from
    batch = resolved.batch_size or 1
    seen = max(training, kind.steps_at_least(epochs, math.ceil(training / batch)) * batch) * epochs
    scale = megapixels / speed(torch_device(device))
    prepare = cost.prepare * (_EXPORTED if _is_exported(resolved, torch_device(device)) else 1)
    mirrored = prepare if resolved.preset == "fast" and resolved.mirror else 0.0
    return {
        kind.stage: images * prepare * scale,
        "Training": folds * seen * cost.train * scale,
        "Predicting": images * (cost.predict + mirrored) * scale,
    }


def _is_exported(config: CrossValidation, device: torch.device) -> bool:
    return config.preset == "fast" and FrozenFeatures.exports(config, device) and can_export()


def speed(device: torch.device) -> float:
    """How many CPU cores a device is worth, roughly."""
    if device.type == "cuda":
        return _GPU_SPEEDUP
    return 1 + _EXTRA_CORE * (torch.get_num_threads() - 1)
