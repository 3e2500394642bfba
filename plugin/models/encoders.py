"""The networks that read images: a frozen encoder, and SMP models that give coarse logits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from ..base.errors import SampleError
from ..base.types import Geometry, Prediction
from ..labels.class_mapping import NO_LOGIT
from .checkpoints import encoder_normalisation, keep_head_resolution, known_model
from .weights import build_encoder, built, fill_encoder, hub_weights

#: Sides of a network's input are multiples of this, which suits every encoder of segmentation-models-pytorch
MULTIPLE = 32
#: Feature maps finer than 1/4 cost most of the disk and add little
_FINEST_STRIDE = 4


class PixelNormalisation(nn.Module):
    """From uint8 RGB to what an encoder was trained on.

    Args:
        encoder: name of segmentation-models-pytorch
    """

    offset: torch.Tensor
    scale: torch.Tensor

    def __init__(self, encoder: str) -> None:
        super().__init__()
        mean, std = encoder_normalisation(encoder)
        self.register_buffer("offset", torch.tensor(mean).view(1, -1, 1, 1) * 255, persistent=False)
        self.register_buffer("scale", 1 / (torch.tensor(std).view(1, -1, 1, 1) * 255), persistent=False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(N, 3, H, W) uint8 or float in [0, 255] to float32 of mean 0, channels last in memory."""
        values = (images.float() - self.offset) * self.scale
        return values.contiguous(memory_format=torch.channels_last)


class FrozenEncoder(nn.Module):
    """An encoder that is never trained; gives the feature maps of stride 4 and coarser.

    Args:
        name: of segmentation-models-pytorch
        weights: as in `weights.build_encoder`
    """

    def __init__(self, name: str, weights: str | None) -> None:
        super().__init__()
        self.normalise = PixelNormalisation(name)
        self.encoder = build_encoder(name, weights).to(memory_format=torch.channels_last)
        self.eval().requires_grad_(False)

    @torch.inference_mode()
    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        """(N, 3, H, W) uint8 with sides of multiples of `MULTIPLE` to float32 feature maps, finest first."""
        return self.maps(images)

    def maps(self, images: torch.Tensor) -> list[torch.Tensor]:
        """What `forward` gives, outside of inference mode, of which no trace can be made."""
        maps = self.encoder(self.normalise(images))
        return [values for values in maps if values.shape[1] and values.shape[2] * _FINEST_STRIDE <= images.shape[2]]


class CoarseSegmenter(nn.Module):
    """An SMP model without the upsampling of its head, so that it gives logits at the head's own resolution.

    Args:
        architecture: of segmentation-models-pytorch, upper or lower case
        encoder: name of segmentation-models-pytorch
        weights: as in `weights.build_encoder`
        classes: number of classes K

    Raises:
        LabelQualityError: the model cannot be built, or its weights cannot be had
    """

    def __init__(self, architecture: str, encoder: str, weights: str | None, classes: int) -> None:
        super().__init__()
        self.normalise = PixelNormalisation(encoder)
        self.network = _smp_model(architecture, encoder, weights, classes).to(memory_format=torch.channels_last)
        self.encoder_parameters = list(self.network.get_submodule("encoder").parameters())
        #: How the logits lie over the input, see `types.Geometry`
        self.align_corners = keep_head_resolution(self.network)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(N, 3, H, W) uint8 with sides of multiples of `MULTIPLE` to (N, K, h, w) logits."""
        return self.network(self.normalise(images))

    def upsampled(self, images: torch.Tensor) -> torch.Tensor:
        """(N, K, H, W) logits at the input's size, as the whole SMP model gives them."""
        return upsample(self(images), (images.shape[2], images.shape[3]), self.align_corners)


@dataclass(frozen=True)
class LogitWriter:
    """Turns a fold's logits into predictions.

    Args:
        seen: (K,) bool, the classes that any of the fold's training samples has; the others get probability 0, as a
            column that no sample was ever right for says nothing
    """

    seen: np.ndarray

    def masked(self, logits: torch.Tensor) -> torch.Tensor:
        """(N, K, h, w) float32 logits whose largest is 0 at each place, `NO_LOGIT` for classes not seen.

        Raises:
            SampleError: values that are not numbers
        """
        unseen = torch.from_numpy(~self.seen).to(logits.device).view(1, -1, 1, 1)
        values = logits.float().masked_fill(unseen, float("-inf"))
        values = (values - values.amax(1, keepdim=True)).clamp(min=NO_LOGIT)
        if torch.isnan(values).any():
            raise SampleError("The trained model's output is not a number. Train again with a lower learning_rate.")
        return values

    def predictions(self, logits: torch.Tensor, geometries: Sequence[Geometry]) -> list[Prediction]:
        """Float16 predictions of a batch.

        Args:
            logits: (N, K, h, w)
            geometries: how each lies over its image

        Raises:
            SampleError: as `masked`
        """
        arrays = self.masked(logits).half().cpu().contiguous().numpy()
        return [Prediction(array, "logits", geometry) for array, geometry in zip(arrays, geometries, strict=True)]


def upsample(logits: torch.Tensor, size: tuple[int, int], align_corners: bool) -> torch.Tensor:
    """(N, K, h, w) logits bilinearly at another (height, width)."""
    if logits.shape[2:] == size:
        return logits
    return functional.interpolate(logits, size, mode="bilinear", align_corners=align_corners)


def _smp_model(architecture: str, encoder: str, weights: str | None, classes: int) -> nn.Module:
    source, build = hub_weights(encoder, weights), known_model(architecture)
    model: Any = built(lambda: build(encoder_name=encoder, encoder_weights=source, classes=classes), encoder, source)
    if source is None:
        fill_encoder(model.encoder, encoder, weights)
    return model
