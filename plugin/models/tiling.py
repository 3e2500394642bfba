"""Large images in overlapping tiles, blended so that no seam shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

import numpy as np

from ..base.types import Geometry, Prediction

#: (n, tile, tile, C) tiles of an image -> (n, K, tile, tile) probabilities
TilePredictor = Callable[[np.ndarray], np.ndarray]


def predict_tiled(
    predict: TilePredictor,
    image: np.ndarray,
    tile: int,
    overlap: int | None = None,
    *,
    batch_size: int = 1,
    dtype: type[np.floating] = np.float16,
) -> Prediction:
    """Runs a model on the overlapping tiles of an image and blends what it says.

    Neighbouring tiles cross-fade over their overlap, so a pixel counts little in a tile at whose edge it lies; at the
    image's own edges there is no fade. The weights of a pixel sum to one, so a model that looks at single pixels gives
    the same with tiles as without. Beyond the result, memory holds the float32 sums of one row of tiles and one batch.

    Args:
        predict: the model, from (n, tile, tile, C) tiles to (n, K, tile, tile) float probabilities
        image: (H, W, C), any dtype; repeated at the bottom and right edge where it is smaller than a tile
        tile: side of a tile, in pixels, at least 2
        overlap: least overlap of neighbouring tiles, in pixels, 0..tile // 2; None for a quarter of a tile
        batch_size: most tiles that one call of ``predict`` gets
        dtype: of the result, float16 or float32

    Returns:
        (K, H, W) probabilities at the image's own size

    Raises:
        ValueError: if the tile or the overlap is out of range, or ``predict`` returns another shape
    """
    overlap = tile // 4 if overlap is None else overlap
    if tile < 2 or not 0 <= overlap <= tile // 2:
        raise ValueError(f"Expected a tile of at least 2 and an overlap of 0..{tile // 2}, but got {tile}, {overlap}.")
    height, width = image.shape[:2]
    padded = _pad_to(image, tile)
    rows, columns = (tile_starts(size, tile, overlap) for size in padded.shape[:2])
    row_weights = blend_weights(rows, padded.shape[0], tile, overlap)
    column_weights = blend_weights(columns, padded.shape[1], tile, overlap)
    result: np.ndarray | None = None
    sums: np.ndarray | None = None
    for index, top in enumerate(rows):
        band = padded[top : top + tile]
        for left, weights, probabilities in _row_of_tiles(predict, band, columns, column_weights, tile, batch_size):
            if sums is None or result is None:
                classes = probabilities.shape[0]
                sums = np.zeros((classes, tile, padded.shape[1]), np.float32)
                result = np.empty((classes, height, width), dtype)
            sums[:, :, left : left + tile] += probabilities * (row_weights[index][:, None] * weights)
        assert sums is not None and result is not None
        below = rows[index + 1] if index + 1 < len(rows) else top + tile
        _move_finished(sums, result, top, below - top)
    assert result is not None
    return Prediction(result, "probabilities", Geometry((height, width), (height, width)))


def tile_starts(size: int, tile: int, overlap: int) -> list[int]:
    """Where the tiles along one axis begin: evenly spread, the first at 0 and the last flush with the end.

    Args:
        size: length of the axis, in pixels
        tile: side of a tile, in pixels
        overlap: least overlap of neighbours, in pixels, less than ``tile``

    Returns:
        increasing starts; [0] where one tile covers the axis
    """
    if size <= tile:
        return [0]
    count = -(-(size - overlap) // (tile - overlap))
    return [round(index * (size - tile) / (count - 1)) for index in range(count)]


def blend_weights(starts: list[int], size: int, tile: int, overlap: int) -> list[np.ndarray]:
    """How much each tile along one axis counts at each of its pixels; over all tiles a pixel's weights sum to one.

    Args:
        starts: from `tile_starts`
        size: length of the axis, in pixels
        tile: side of a tile, in pixels
        overlap: width of the raised-cosine fade at each edge that has a neighbour, in pixels

    Returns:
        one (tile,) float32 array per tile
    """
    ramp = np.sin(np.pi * (np.arange(overlap) + 0.5) / (2 * overlap)) ** 2 if overlap else np.empty(0)
    windows = []
    total = np.zeros(max(size, tile))
    for start in starts:
        window = np.ones(tile)
        if overlap and start > 0:
            window[:overlap] = ramp
        if overlap and start + tile < size:
            window[tile - overlap :] = ramp[::-1]
        windows.append(window)
        total[start : start + tile] += window
    return [
        (window / total[start : start + tile]).astype(np.float32) for start, window in zip(starts, windows, strict=True)
    ]


def _row_of_tiles(
    predict: TilePredictor,
    band: np.ndarray,
    columns: list[int],
    weights: list[np.ndarray],
    tile: int,
    batch_size: int,
) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Yields (left, (tile,) weights, (K, tile, tile) probabilities) of the tiles of one (tile, W, C) band."""
    places = iter(zip(columns, weights, strict=True))
    while batch := list(islice(places, batch_size)):
        tiles = np.stack([band[:, left : left + tile] for left, _ in batch])
        outputs = predict(tiles)
        expected = (len(batch), tile, tile)
        if outputs.ndim != 4 or (outputs.shape[0], *outputs.shape[2:]) != expected:
            raise ValueError(f"Expected probabilities of shape ({len(batch)}, K, {tile}, {tile}), got {outputs.shape}.")
        for (left, weight), output in zip(batch, outputs, strict=True):
            yield left, weight, output


def _move_finished(sums: np.ndarray, result: np.ndarray, top: int, rows: int) -> None:
    """Copies the rows that no later tile touches into the result, and moves the others up for the next tiles."""
    height, width = result.shape[1:]
    rows_in_image = min(rows, height - top)
    result[:, top : top + rows_in_image] = sums[:, :rows_in_image, :width]
    sums[:, : sums.shape[1] - rows] = sums[:, rows:].copy()
    sums[:, sums.shape[1] - rows :] = 0


def _pad_to(image: np.ndarray, least: int) -> np.ndarray:
    """The image, its bottom and right edges repeated until each side has at least that many pixels."""
    missing = [max(0, least - side) for side in image.shape[:2]]
    return np.pad(image, [(0, missing[0]), (0, missing[1]), (0, 0)], mode="edge") if any(missing) else image
