"""Segmentation networks in PyTorch: what must be known to use one, and reading what it gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import nn

from ..base.errors import LabelQualityError, SampleError
from ..base.types import Geometry, Prediction
from ..labels.class_mapping import NO_LOGIT

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
#: Where networks that return a dictionary keep their class scores
_OUTPUT_KEYS = ("out", "logits")

#: What to do where a GPU's memory does not suffice
SMALLER = "Take a smaller batch_size or input_size, or cut the images into tiles with tile; what is finished is kept."

#: (height, width) of an image -> (height, width) at which the network wants it
Resizing = Callable[[tuple[int, int]], tuple[int, int]]


@dataclass(frozen=True)
class Network:
    """A network and what must be known to use it.

    Args:
        module: (N, 3, H, W) float32 in, class scores out
        kind: ``smp``, ``torchscript``, ``module`` (a whole PyTorch module) or ``huggingface``
        file: the file or folder it was read from, if any
        names: of its classes, or None
        mean: per-channel mean of its input, for pixel values in [0, 1]
        std: likewise the standard deviation
        bgr: whether it wants the channels as blue, green, red
        multiple: what the sides of its input must be multiples of, in pixels
        own_size: the size at which it wants an image, or None for the image's own
        align_corners: how its class scores lie over its input where they are coarser; see `types.Geometry`
        gives_logits: whether its class scores are known to be logits; otherwise the values tell
    """

    module: nn.Module
    kind: str
    file: Path | None = None
    names: tuple[str, ...] | None = None
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD
    bgr: bool = False
    multiple: int = 32
    own_size: Resizing | None = None
    align_corners: bool = False
    gives_logits: bool = False


class NetworkPredictor:
    """Runs a network on images of any sizes.

    Args:
        network: the network; put on the device, into evaluation mode and into float32, as its inputs are, here
        device: where it runs
    """

    def __init__(self, network: Network, device: torch.device) -> None:
        self.network = network
        self.device = device
        self._module = network.module.to(device).float().eval()
        self._mean = torch.tensor(network.mean, dtype=torch.float32, device=device).view(1, -1, 1, 1)
        self._std = torch.tensor(network.std, dtype=torch.float32, device=device).view(1, -1, 1, 1)

    def own_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """The (height, width) at which the network wants an image of this size."""
        return self.network.own_size(size) if self.network.own_size else size

    def names(self, outputs: int) -> tuple[str, ...] | None:
        """The names of its classes, or None."""
        return self.network.names

    def group(self, size: tuple[int, int]) -> tuple[int, int]:
        """The (height, width) that an image of this size is padded to; images of one group go in one batch."""
        return round_up(size[0], self.network.multiple), round_up(size[1], self.network.multiple)

    @torch.inference_mode()
    def __call__(self, images: list[np.ndarray]) -> list[Prediction]:
        """Class scores of the network's own classes for images of one group.

        Args:
            images: each (H, W, 3) uint8 RGB

        Returns:
            per image (O, h, w) float32 values
        """
        padded = self.group((images[0].shape[0], images[0].shape[1]))
        batch = torch.zeros((len(images), *padded, 3), dtype=torch.float32)
        output = class_scores(self._forward(self._filled(batch, images)), len(images))
        geometries = [Geometry(padded, (i.shape[0], i.shape[1]), self.network.align_corners) for i in images]
        known = "logits" if self.network.gives_logits else None
        return [to_prediction(values, place, known) for values, place in zip(output, geometries, strict=True)]

    def _filled(self, batch: torch.Tensor, images: list[np.ndarray]) -> torch.Tensor:
        """The (N, 3, H, W) input, channels last in memory; the padding is the mean colour."""
        inputs = batch.to(self.device).permute(0, 3, 1, 2)
        for place, image in zip(inputs, images, strict=True):
            pixels = np.ascontiguousarray(image[..., ::-1]) if self.network.bgr else np.ascontiguousarray(image)
            values = torch.from_numpy(pixels).to(self.device).permute(2, 0, 1)[None].float() / 255
            place[:, : image.shape[0], : image.shape[1]] = ((values - self._mean) / self._std)[0]
        return inputs

    def _forward(self, inputs: torch.Tensor) -> Any:
        shape = f"{'×'.join(map(str, inputs.shape))} (images × channels × height × width)"
        try:
            with within_gpu_memory(f"a batch of {shape}", SMALLER):
                return self._module(inputs)
        except LabelQualityError:
            raise
        except Exception as error:
            raise LabelQualityError(
                f"The model failed on an input of {shape}: {first_line(error)}. A network that was traced at one size "
                "needs that size: give it as tile."
            ) from error


@contextmanager
def within_gpu_memory(what: str, advice: str) -> Iterator[None]:
    """Raises `LabelQualityError` where a GPU's memory does not suffice for what is done inside.

    Args:
        what: does not fit then, as in "a batch of 8 images"
        advice: a sentence on what to do
    """
    try:
        yield
    except torch.cuda.OutOfMemoryError as error:
        raise LabelQualityError(f"The GPU's memory does not hold {what}. {advice}") from error


def class_scores(output: Any, images: int) -> torch.Tensor:
    """The class scores in what a network returned.

    Args:
        output: a tensor, a dictionary or dataclass with one under "out" or "logits", or a tuple or list that begins
            with one
        images: number of images N that it was given

    Returns:
        (N, O, h, w) floating-point tensor

    Raises:
        LabelQualityError: something else; names what was found
    """
    found = output
    if isinstance(found, Mapping):
        key = next((key for key in _OUTPUT_KEYS if key in found), None)
        found = found[key] if key else found
    elif isinstance(getattr(found, "logits", None), torch.Tensor):
        found = found.logits
    elif isinstance(found, (tuple, list)) and found and isinstance(found[0], torch.Tensor):
        found = found[0]
    if not isinstance(found, torch.Tensor):
        raise LabelQualityError(f"Expected the model to give class scores per pixel, but it gave {_described(found)}.")
    if found.ndim != 4 or found.shape[0] != images or not found.is_floating_point() or 0 in found.shape:
        hint = " It seems to give class ids, but the scores need probabilities or logits." if found.ndim == 3 else ""
        raise LabelQualityError(
            f"Expected the model to give floating-point class scores of shape ({images}, classes, height, width), but "
            f"it gave {_described(found)}.{hint}"
        )
    return found


def to_prediction(values: torch.Tensor, geometry: Geometry, kind: str | None) -> Prediction:
    """One image's class scores as logits whose largest is 0, or as probabilities that sum to 1.

    Args:
        values: (O, h, w); a single channel is the score of the second of two classes
        geometry: how the grid lies over the image
        kind: ``logits`` where that is known; otherwise values all in [0, 1] are probabilities (of a softmax or of one
            sigmoid a class) and others are logits

    Returns:
        (O, h, w) float32, two channels at least

    Raises:
        SampleError: values that are not numbers
    """
    values = values.float()
    probabilities = kind is None and bool(((values >= 0) & (values <= 1)).all())
    if len(values) == 1:
        values = torch.cat([1 - values if probabilities else torch.zeros_like(values), values])
    if probabilities:
        scaled = (values + torch.finfo(torch.float32).tiny) / (values + torch.finfo(torch.float32).tiny).sum(0)
    else:
        scaled = (values - values.amax(0)).clamp_(min=NO_LOGIT)
    wrong = int(torch.isnan(scaled).any(0).sum())
    if wrong:
        size = f"{geometry.valid[0]}×{geometry.valid[1]}"
        raise SampleError(
            f"The model's output for an image of {size} pixels (as the model sees it) is not a number at {wrong} of "
            f"{scaled[0].numel()} places. Check the model's weights and its mean and std."
        )
    return Prediction(scaled.cpu().numpy(), "probabilities" if probabilities else "logits", geometry)


def resized(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The image at another (height, width): pixel means where it shrinks, bilinear where it grows."""
    if image.shape[:2] == size:
        return image
    shrinks = size[0] * size[1] < image.shape[0] * image.shape[1]
    return cv2.resize(image, (size[1], size[0]), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


def fit_longest(size: tuple[int, int], longest: int) -> tuple[int, int]:
    """The (height, width) of the same shape whose longer side is ``longest`` pixels."""
    scale = longest / max(size)
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def round_up(value: int, multiple: int) -> int:
    """The next multiple that is not smaller."""
    return -(-value // multiple) * multiple


def first_line(error: BaseException) -> str:
    """The first line of an error's message (TorchScript's last: a traceback comes first), or the error's type."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return (lines[-1] if "TorchScript" in lines[0] else lines[0]).rstrip(".:")


def _described(found: Any) -> str:
    if isinstance(found, torch.Tensor):
        return f"a {str(found.dtype).removeprefix('torch.')} tensor of shape {tuple(found.shape)}"
    if isinstance(found, Mapping):
        return f"a dictionary of {', '.join(map(str, found)) or 'nothing'}, without 'out' or 'logits'"
    if isinstance(found, (tuple, list)):
        first = f" that begins with {_described(found[0])}" if found else ""
        return f"a {type(found).__name__} of {len(found)}{first}"
    return f"a {type(found).__name__}"
