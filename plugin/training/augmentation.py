"""Random changes of training images that keep their labels true."""

from __future__ import annotations

import numpy as np
import torch
from torchvision import tv_tensors
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as transforms

from ..base.types import IGNORED

#: How far an image is shrunk or enlarged
SCALES = (0.7, 1.5)
#: Factors of brightness, contrast and saturation lie within 1 ± this
JITTER = 0.3


def augmented(
    image: torch.Tensor, labels: torch.Tensor, crop: tuple[int, int], rng: np.random.Generator, mirrors: bool = True
) -> tuple[torch.Tensor, torch.Tensor]:
    """A randomly flipped, scaled, cropped and recoloured piece of an image.

    Every choice is drawn from ``rng`` and none from torch's global generator, so that pieces can be made in threads
    and are the same in whatever order.

    Args:
        image: (3, H, W) uint8
        labels: (H, W) int16 class indices
        crop: (height, width) of the piece
        rng: source of every choice
        mirrors: whether the piece may be a mirror image

    Returns:
        (3, *crop) uint8 and (*crop) int16; `IGNORED` beyond the image
    """
    pixels, mask = tv_tensors.Image(image), tv_tensors.Mask(labels[None])
    pixels, mask = _scaled_crop(pixels, mask, crop, rng)
    # Drawn in either case: all other choices are the same
    if rng.random() < 0.5 and mirrors:
        pixels, mask = transforms.horizontal_flip(pixels), transforms.horizontal_flip(mask)
    return _recoloured(pixels, rng).as_subclass(torch.Tensor), mask.as_subclass(torch.Tensor)[0]


def cropped(
    image: torch.Tensor, labels: torch.Tensor, crop: tuple[int, int], rng: np.random.Generator | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """A piece of an image as it is, at a random place, or in the middle without ``rng``; as `augmented` otherwise."""
    top, left = (_place(side, piece, rng) for side, piece in zip(labels.shape, crop, strict=True))
    height, width = min(crop[0], labels.shape[0]), min(crop[1], labels.shape[1])
    pixels = image[:, top : top + height, left : left + width]
    mask = labels[top : top + height, left : left + width]
    return _padded(pixels, mask, crop)


def _scaled_crop(
    pixels: torch.Tensor, mask: torch.Tensor, crop: tuple[int, int], rng: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Crops what becomes ``crop`` once scaled, so that no more is resized than is kept."""
    scale = float(np.exp(rng.uniform(*np.log(SCALES))))
    sides = mask.shape[1:]
    window = [min(side, max(1, round(piece / scale))) for side, piece in zip(sides, crop, strict=True)]
    top, left = (int(rng.integers(side - part + 1)) for side, part in zip(sides, window, strict=True))
    size = [min(piece, max(1, round(part * scale))) for piece, part in zip(crop, window, strict=True)]
    box = (top, left, window[0], window[1], size)
    scaled = transforms.resized_crop(pixels, *box, interpolation=InterpolationMode.BILINEAR, antialias=True)
    nearest = transforms.resized_crop(mask, *box, interpolation=InterpolationMode.NEAREST)
    padded, labels = _padded(scaled, nearest[0], crop)
    return tv_tensors.Image(padded), tv_tensors.Mask(labels[None])


def _padded(pixels: torch.Tensor, labels: torch.Tensor, size: tuple[int, int]) -> tuple[torch.Tensor, torch.Tensor]:
    """Repeats the image's bottom and right edges up to ``size``; the labels there are `IGNORED`."""
    right, below = size[1] - labels.shape[1], size[0] - labels.shape[0]
    if not right and not below:
        return pixels, labels
    image = transforms.pad(pixels, [0, 0, right, below], padding_mode="edge")
    return image, transforms.pad(tv_tensors.Mask(labels), [0, 0, right, below], fill=IGNORED).as_subclass(torch.Tensor)


def _place(side: int, piece: int, rng: np.random.Generator | None) -> int:
    room = max(0, side - piece)
    return room // 2 if rng is None else int(rng.integers(room + 1))


def _recoloured(pixels: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    brightness, contrast, saturation = rng.uniform(1 - JITTER, 1 + JITTER, 3).tolist()
    pixels = transforms.adjust_brightness(pixels, brightness)
    pixels = transforms.adjust_contrast(pixels, contrast)
    return transforms.adjust_saturation(pixels, saturation)
