"""Cross-validation's own view of tiles: where they lie for training, and how a network predicts with them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from ..base.types import Prediction
from .encoders import MULTIPLE, LogitWriter
from .networks import round_up
from .resizing import pad_image_to
from .tiling import predict_tiled, tile_starts


def tile_boxes(size: tuple[int, int], tile: int | None) -> list[tuple[slice, slice]]:
    """The fewest tiles that cover an image, rows then columns; the whole image without tiling.

    Args:
        size: (height, width) of the image in pixels
        tile: side of a tile in pixels, or None
    """
    if tile is None:
        return [(slice(None), slice(None))]
    rows, columns = (tile_starts(side, tile, 0) for side in size)
    return [(slice(top, top + tile), slice(left, left + tile)) for top in rows for left in columns]


def predict_image_in_tiles(
    logits: Callable[[torch.Tensor], torch.Tensor], image: np.ndarray, tile: int, writer: LogitWriter
) -> Prediction:
    """Predicts an image by overlapping tiles.

    Args:
        logits: (N, 3, h, w) uint8 with sides of multiples of `MULTIPLE` to (N, K, h, w) logits
        image: (H, W, 3) uint8
        tile: side of a tile in pixels
        writer: of the fold

    Returns:
        (K, H, W) probabilities quantised to uint8: blended tiles have no coarse logits
    """
    side = round_up(tile, MULTIPLE)

    def probabilities(tiles: np.ndarray) -> np.ndarray:
        padded = np.stack([pad_image_to(piece, (side, side)) for piece in tiles])
        values = writer.masked(logits(image_tensor(padded)))[:, :, :tile, :tile]
        return values.softmax(1).cpu().numpy()

    blended = predict_tiled(probabilities, image, tile)
    return Prediction(quantised(blended.values), "probabilities", blended.geometry)


def quantised(probabilities: np.ndarray) -> np.ndarray:
    """Probabilities as uint8, 255 for 1, one class at a time to bound memory."""
    result = np.empty(probabilities.shape, np.uint8)
    for source, target in zip(probabilities, result, strict=True):
        np.rint(source.astype(np.float32) * 255, out=target, casting="unsafe")
    return result


def image_tensor(images: np.ndarray) -> torch.Tensor:
    """(N, H, W, 3) uint8 images as an (N, 3, H, W) tensor, channels last in memory."""
    return torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2)
