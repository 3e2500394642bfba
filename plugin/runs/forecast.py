"""About how long each stage of a run takes, so that its progress can be shown as one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..base.errors import LabelQualityError
from ..labels.images import image_size
from ..models.config import ModelSource
from ..predictions.config import PredictionConfig
from ..training.config import CrossValidation
from .lint import STAGE
from .run import Run

#: Seconds a million pixels, of a frame of CamVid (0.17 megapixels, 12 classes) on two cores:
#: ``python -m benchmarks training``
_LINT = {f"{STAGE}: Reading masks": 0.03, f"{STAGE}: Comparing images": 0.001}
_CHECKING = {"Checking masks": 0.007}
_SCORING = {
    "Scoring": 0.08,
    "Counting label issues": 0.003,
    "Finding the cut": 0.002,
    "Flagging pixels": 0.006,
}
_SUSPECTS = {"Finding suspects": 0.04}
#: Seconds a sample, whatever its size
_WRITING_FINDINGS = {f"{STAGE}: Writing findings": 0.0013}
_WRITING = {"Writing fields": 0.0013}
_WRITING_SUSPECTS = {"Writing suspects": 0.0013}
#: CPU seconds a megapixel of DeepLabV3+ and U-Net with a ResNet-50 encoder, measured on one core
_MODEL = 3.1
#: Height and width of images of which nothing is known
_USUAL = (480, 640)


def forecast(
    images: int,
    size: tuple[int, int],
    predicted: PredictionConfig | None = None,
    scored: bool = True,
    suspects: bool = False,
    lint: bool = False,
) -> dict[str, float]:
    """The stages of a run in their order, each with the seconds that it takes; right within a factor of two or three.

    Args:
        images: number of images
        size: (height, width) of one, such as `first_size` gives
        predicted: how they are predicted, if they are
        scored: whether they are scored
        suspects: whether suspects are looked for
        lint: whether masks are linted first

    Returns:
        name of the stage, without folds, to seconds
    """
    pixels = images * size[0] * size[1] / 1e6
    stages: dict[str, float] = {}
    if lint:
        stages |= _times(_LINT, pixels) | _times(_WRITING_FINDINGS, images)
    if isinstance(predicted, CrossValidation):
        stages |= _times(_CHECKING, pixels)
    stages |= prediction_stages(predicted, images, size)
    if scored:
        stages |= _times(_SCORING, pixels)
        stages |= _times(_SUSPECTS, pixels) if suspects else {}
        stages |= _times(_WRITING, images)
        stages |= _times(_WRITING_SUSPECTS, images) if suspects else {}
    return stages


def prediction_stages(
    predicted: PredictionConfig | None, images: int, size: tuple[int, int] | None = None
) -> dict[str, float]:
    """The stages that predict.

    Args:
        predicted: how; files that are there already take no stage
        images: number of images
        size: (height, width) of an image; by default a usual one

    Returns:
        as `forecast` gives them

    Raises:
        LabelQualityError: there is no such device here
    """
    if isinstance(predicted, CrossValidation):
        from ..training.presets import estimate_stages

        return estimate_stages(predicted, images, predicted.device, size)
    if isinstance(predicted, ModelSource):
        from ..models.resizing import input_size
        from ..models.user_models import torch_device
        from ..training.presets import speed

        height, width = input_size(size or _USUAL, predicted.input_size)
        return {"Predicting": images * height * width / 1e6 * _MODEL / speed(torch_device(predicted.device))}
    return {}


def announce(
    run: Run,
    predicted: PredictionConfig | None = None,
    *,
    scored: bool = True,
    suspects: bool = False,
    lint: bool = False,
) -> None:
    """Tells whoever shows a run's progress which stages come, with the arguments of `forecast`."""
    samples = run.samples
    run.times.expect(forecast(len(samples), first_size(samples.image_paths), predicted, scored, suspects, lint))


def first_size(paths: Sequence[str]) -> tuple[int, int]:
    """Height and width of the first image; those of a usual one where it cannot be read, of which the run will tell."""
    try:
        return image_size(paths[0])
    except (LabelQualityError, IndexError):
        return _USUAL


def _times(costs: Mapping[str, float], amount: float) -> dict[str, float]:
    return {name: cost * amount for name, cost in costs.items()}
