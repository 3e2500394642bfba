"""What places in an image look like: the features of a frozen encoder, in mean over each place.

An encoder that is never trained sees all images of a dataset alike, whatever fold they are in and whatever their masks
say, so its features tell what looks alike independently of the predictions.

References:
    W. B. Johnson and J. Lindenstrauss, "Extensions of Lipschitz mappings into a Hilbert space", 1984
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from scipy import sparse

from ..base.types import Appearance

#: Strides of the encoder's maps that are used, in pixels: finer ones see texture, coarser ones the whole scene
_STRIDES = (8, 16)
#: Features of a cell: a random projection keeps distances, and a byte for each is 14 kB an image
CHANNELS = 32


def appearance_of(maps: Sequence[np.ndarray], padded: tuple[int, int], valid: tuple[int, int]) -> Appearance | None:
    """What an image looks like to an encoder.

    Args:
        maps: (C, h, w) features of an encoder, of any float type, finest first
        padded: (height, width) of the encoder's input in pixels
        valid: of the part of it that shows the image, top left

    Returns:
        the appearance in cells of the coarser of the strides, or None if the encoder has none of these maps
    """
    used = [level for level in maps if padded[0] / level.shape[1] in _STRIDES]
    if not used:
        return None
    height, width = used[-1].shape[1:]
    cells = np.concatenate([_pooled(level.astype(np.float32), (height, width)) for level in used])
    if len(cells) > CHANNELS:
        values = np.tensordot(_projection(len(cells)), cells, 1)
    else:
        values = np.pad(cells, ((0, CHANNELS - len(cells)), (0, 0), (0, 0)))
    return Appearance(values, (valid[0] * height / padded[0], valid[1] * width / padded[1]))


def stitched(
    parts: Sequence[Appearance], corners: Sequence[tuple[int, int]], size: tuple[int, int], side: int
) -> Appearance:
    """What an image looks like that was seen in tiles.

    Args:
        parts: of the tiles, rows then columns, so that the padding of one lies under the next
        corners: (top, left) of each in the image, in pixels
        size: (height, width) of the image in pixels
        side: of a cell in pixels

    Returns:
        the appearance of the whole; a tile's cells are half a cell off at most
    """
    height, width = size
    values = np.zeros((CHANNELS, -(-height // side), -(-width // side)), np.float32)
    for part, (top, left) in zip(parts, corners, strict=True):
        row, column = round(top / side), round(left / side)
        place = values[:, row : row + part.values.shape[1], column : column + part.values.shape[2]]
        place[...] = part.values[:, : place.shape[1], : place.shape[2]]
    return Appearance(values, (height / side, width / side))


def describe(
    appearance: Appearance,
    owner: np.ndarray,
    rows: np.ndarray,
    columns: np.ndarray,
    pixels: np.ndarray,
    size: tuple[float, float],
) -> tuple[np.ndarray, np.ndarray]:
    """The mean features of places in one image.

    Args:
        appearance: of the image
        owner: (m,) int, the place that each block is part of, from 0 on
        rows: (m,) of the blocks, on a grid over the image
        columns: (m,) likewise
        pixels: (m,) float, how much of each block is the place's, in blocks
        size: (height, width) of the image in blocks, not rounded

    Returns:
        descriptors (n, C) float32, and (n,) float64 in (0, 1], the share of a place in the cells that it is seen in:
        where it is small they show its surroundings rather than it
    """
    height, width = appearance.values.shape[1:]
    extent = appearance.extent
    down, across = (
        np.minimum(((place + 0.5) * cells / blocks).astype(np.int64), limit - 1)
        for place, cells, blocks, limit in zip((rows, columns), extent, size, (height, width), strict=True)
    )
    count = int(owner.max(initial=-1)) + 1
    inside = sparse.csr_array((pixels, (owner, down * width + across)), shape=(count, height * width))
    total = inside.sum(axis=1)
    means = (inside @ appearance.values.reshape(len(appearance.values), -1).T) / total[:, None]
    area = total * (extent[0] * extent[1]) / (size[0] * size[1])
    return means.astype(np.float32), np.minimum(1, area / np.diff(inside.indptr))


def _pooled(level: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(C, h, w) in mean over cells of a coarser (height, width)."""
    by = level.shape[1] // size[0], level.shape[2] // size[1]
    return level.reshape(len(level), size[0], by[0], size[1], by[1]).mean(axis=(2, 4))


@cache
def _projection(channels: int) -> np.ndarray:
    """(CHANNELS, channels) float32 with orthonormal rows, always the same ones."""
    rng = np.random.default_rng(0)
    basis, _ = np.linalg.qr(rng.standard_normal((channels, CHANNELS)))
    return np.ascontiguousarray(basis.T, np.float32)
