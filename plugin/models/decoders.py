"""What the ``fast`` preset trains: light decoders on the feature maps of a frozen encoder."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import nn
from torch.nn import functional

from ..base.errors import LabelQualityError

#: Strides of the maps that SMP's decoders are built for
_STRIDES = (4, 8, 16, 32)
#: Channels of SMP's decoders, where SMP has 256 or 128: so a step takes about 1.5 times as long as the light pyramid's
_WIDTH = 64
#: Channels of FPN's pyramid, whose convolutions on the finest map cost most; SMP has 256
_PYRAMID_WIDTH = 32
#: Those of DeepLabV3 for output stride 16. SMP's 12, 24 and 36 are for stride 8; with them most taps would
#: lie outside the 24 × 18 cells that a 384 × 288 image has at stride 16
_ATROUS_RATES = (6, 12, 18)
#: Dropout draws from the one generator of all threads, so folds that train side by side would not be repeatable;
#: training stops early instead
_DROPOUT = 0.0


def build_decoder(
    architecture: str | None, channels: Sequence[int], strides: Sequence[float], classes: int, encoder: str
) -> nn.Module:
    """A decoder with random weights.

    Args:
        architecture: ``DeepLabV3Plus``, ``FPN``, or None for the light pyramid
        channels: of each feature map, finest first
        strides: of each feature map, in pixels of the image a cell
        classes: number of classes K
        encoder: the name of the maps' encoder, for errors

    Returns:
        (N, C, h, w) maps, finest first, to (N, K, h, w) logits at the finest map's resolution

    Raises:
        LabelQualityError: the architecture needs other maps than the encoder gives
    """
    if architecture is None:
        return LightDecoder(channels, strides, classes)
    if tuple(strides) != _STRIDES:
        raise LabelQualityError(
            f"{architecture} needs feature maps of strides {', '.join(map(str, _STRIDES))}, but those of encoder "
            f"{encoder!r} have {', '.join(f'{stride:g}' for stride in strides)}. Take another encoder, or "
            "architecture=None for the preset's own decoder, which takes any."
        )
    return SmpDecoder(architecture, channels, classes)


def known_architecture(name: str) -> str:
    """The name of an architecture as segmentation-models-pytorch writes it.

    Args:
        name: in upper or lower case

    Raises:
        LabelQualityError: no decoder here is called so
    """
    for known in _DECODERS:
        if name.lower() == known.lower():
            return known
    raise LabelQualityError(
        f"Expected parameter `architecture` to be {' or '.join(_DECODERS)} with preset 'fast' (None for its own light "
        f"decoder), but got {name!r}. Other architectures need the image or finer feature maps than a frozen encoder's "
        "cached ones: train them with preset='paper'."
    )


class LightDecoder(nn.Module):
    """A small feature pyramid: 1×1 laterals, coarse to fine, a 3×3 convolution a level, a linear classifier.

    Each map is standardised channel by channel first (statistics of the training batches), so that one learning rate
    suits every encoder. Where the finest map has 2 × 2 cells for one of the second, these are four times the channels
    of one cell, and the classifier gives the logits of all four: nothing but logits is computed on the finest grid,
    where most of the time would go.

    Args:
        channels: of each feature map, finest first
        strides: of each feature map, in pixels of the image a cell
        classes: number of classes K
        width: channels of the pyramid

    References:
        Shi et al.: Real-time single image and video super-resolution using an efficient sub-pixel convolutional neural
        network. CVPR 2016 (several fine cells as channels of a coarse one).
    """

    def __init__(self, channels: Sequence[int], strides: Sequence[float], classes: int, width: int = 64) -> None:
        super().__init__()
        self.joins_finest = len(strides) > 1 and strides[1] == 2 * strides[0]
        cells = 4 if self.joins_finest else 1
        joined = [4 * channels[0] + channels[1], *channels[2:]] if self.joins_finest else channels
        self.standardise = nn.ModuleList(nn.BatchNorm2d(count, affine=False) for count in channels)
        self.lateral = nn.ModuleList(nn.Conv2d(count, width, 1, bias=False) for count in joined)
        self.context = nn.Linear(channels[-1], width)
        self.merge = nn.ModuleList(nn.Sequential(nn.BatchNorm2d(width), nn.ReLU(inplace=True)) for _ in joined)
        self.mix = nn.ModuleList(_convolution(width) for _ in joined)
        self.classify = nn.Conv2d(width, cells * classes, 1)

    def forward(self, maps: Sequence[torch.Tensor]) -> torch.Tensor:
        """(N, C, h, w) maps, finest first, to (N, K, h, w) logits at the finest map's resolution."""
        values = [standardise(level) for standardise, level in zip(self.standardise, maps, strict=True)]
        pyramid = self.context(values[-1].mean((2, 3)))[:, :, None, None]
        if self.joins_finest:
            values = [torch.cat([functional.pixel_unshuffle(values[0], 2), values[1]], 1), *values[2:]]
        for level in reversed(range(len(values))):
            lateral = self.lateral[level](values[level])
            if pyramid.shape[2:] != lateral.shape[2:] and pyramid.shape[2:] != (1, 1):
                pyramid = functional.interpolate(pyramid, lateral.shape[2:], mode="bilinear", align_corners=False)
            pyramid = self.mix[level](self.merge[level](lateral + pyramid))
        logits = self.classify(pyramid)
        return functional.pixel_shuffle(logits, 2) if self.joins_finest else logits


class SmpDecoder(nn.Module):
    """Decoder and head of segmentation-models-pytorch, narrow, on the feature maps of a frozen encoder.

    Each map is standardised as in `LightDecoder`. The head's upsampling is left out: logits are trained and stored on
    the finest map's grid.

    Args:
        architecture: ``DeepLabV3Plus`` or ``FPN``
        channels: of the maps of stride 4, 8, 16 and 32
        classes: number of classes K
    """

    def __init__(self, architecture: str, channels: Sequence[int], classes: int) -> None:
        from segmentation_models_pytorch.base import SegmentationHead

        super().__init__()
        self.standardise = nn.ModuleList(nn.BatchNorm2d(count, affine=False) for count in channels)
        self.decoder = _DECODERS[architecture](channels)
        self.classify = SegmentationHead(_WIDTH, classes, kernel_size=1)

    def forward(self, maps: Sequence[torch.Tensor]) -> torch.Tensor:
        """(N, C, h, w) maps, finest first, to (N, K, h, w) logits at the finest map's resolution."""
        values = [standardise(level) for standardise, level in zip(self.standardise, maps, strict=True)]
        return self.classify(self.decoder(values))


class _DeepLabV3Plus(nn.Module):
    """SMP's decoder at output stride 16.

    SMP dilates the encoder's last stage, so that its map has stride 16. A frozen encoder keeps the stride it was
    trained with, so here that map is enlarged to stride 16 and joined by the map of stride 16.
    """

    def __init__(self, channels: Sequence[int]) -> None:
        from segmentation_models_pytorch.decoders.deeplabv3.decoder import DeepLabV3PlusDecoder

        super().__init__()
        self.decoder = DeepLabV3PlusDecoder(
            # The decoder reads the third map, of stride 4, and the last
            [0, 0, channels[0], channels[-2] + channels[-1]],
            encoder_depth=5,
            out_channels=_WIDTH,
            atrous_rates=_ATROUS_RATES,
            output_stride=16,
            aspp_separable=True,
            aspp_dropout=_DROPOUT,
        )

    def forward(self, maps: Sequence[torch.Tensor]) -> torch.Tensor:
        deepest = functional.interpolate(maps[-1], maps[-2].shape[2:], mode="bilinear", align_corners=False)
        unread = maps[0]
        return self.decoder([unread, unread, maps[0], torch.cat([maps[-2], deepest], 1)])


def _fpn(channels: Sequence[int]) -> nn.Module:
    from segmentation_models_pytorch.decoders.fpn.decoder import FPNDecoder

    return FPNDecoder(list(channels), pyramid_channels=_PYRAMID_WIDTH, segmentation_channels=_WIDTH, dropout=_DROPOUT)


_DECODERS: dict[str, Callable[[Sequence[int]], nn.Module]] = {"DeepLabV3Plus": _DeepLabV3Plus, "FPN": _fpn}


def _convolution(width: int) -> nn.Module:
    convolution = nn.Conv2d(width, width, 3, padding=1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(width), nn.ReLU(inplace=True))
