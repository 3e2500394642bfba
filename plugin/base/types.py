"""The few values that travel between the parts of the engine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

#: In arrays of class indices: a pixel that takes part in nothing
IGNORED = -1


@dataclass(frozen=True)
class Geometry:
    """How a coarse grid of predictions lies over its image.

    The grid (h, w) covers the model's padded input ``input_size``; the image, resized, is the top-left ``valid``
    part of that input; the mask covers the whole image.

    Args:
        input_size: (height, width) of the model's input in pixels, padding included
        valid: (height, width) of the part of it that shows the image
        align_corners: whether the grid's corner samples lie on the input's corner pixels (as the heads of
            segmentation-models-pytorch upsample) rather than on the centres of the cells that tile it
    """

    input_size: tuple[int, int]
    valid: tuple[int, int]
    align_corners: bool = False


@dataclass(frozen=True)
class Appearance:
    """What an image looks like to an encoder, by which its places are compared with those of other images.

    Args:
        values: (C, h, w) float32 features of cells that tile the encoder's input
        extent: (height, width) of the part of the grid that shows the image, in cells; the rest is padding
    """

    values: np.ndarray
    extent: tuple[float, float]


@dataclass(frozen=True)
class Prediction:
    """What a model says of one image, at the resolution at which it says it.

    Args:
        values: (K, h, w); float16 or float32 logits, float16 or float32 probabilities, or probabilities quantised to
            uint8 (255 is 1)
        kind: ``logits`` or ``probabilities``
        geometry: how the grid lies over the image
        appearance: what the image looks like to an encoder that all images of the dataset have in common; None where
            there is none
    """

    values: np.ndarray
    kind: str
    geometry: Geometry
    appearance: Appearance | None = None


@dataclass(frozen=True)
class SampleInput:
    """One image and its given mask, still on disk or in the database.

    Args:
        sample_id: the FiftyOne id
        image_path: the image file
        load_labels: reads the given mask as (H, W) int16 class indices, `IGNORED` where ignored; raises `SampleError`
        load_image: reads the image as (H, W, 3) uint8 RGB; raises `SampleError`
    """

    sample_id: str
    image_path: str
    load_labels: Callable[[], np.ndarray]
    load_image: Callable[[], np.ndarray]
