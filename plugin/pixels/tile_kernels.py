"""The compiled ways from rows of pixels to tiles, and back.

A tile has 4 rows of 16 pixels, which lie one after another. Tiles at the edges reach beyond the image.
"""

from __future__ import annotations

import numpy as np

from .compiled import kernel
from .lanes import LANES, equal, everywhere, fill, load, store

#: Rows of a tile, and side of the blocks that `scan_kernels` pools
ROWS = 4
#: Pixels of a tile
TILE = ROWS * LANES


@kernel()
def lay_out(
    labels: np.ndarray, width: int, across: int, label: np.ndarray, whole: np.ndarray, present: np.ndarray
) -> None:
    """Lays labels out by tiles.

    Args:
        labels: (n,) int16, whole rows; negative where a pixel takes no part
        width: pixels a row
        across: tiles a row
        label: (tiles · 64,) int16, filled with the labels, and with -1 beyond the image
        whole: (tiles,) bool, filled: whether all of a tile's pixels take part
        present: (K, tiles) bool, set where a class is given to some of a tile's pixels
    """
    rows = labels.size // width
    for top in range(0, rows, ROWS):
        for column in range(across):
            tile, left = top // ROWS * across + column, column * LANES
            first, i = labels[top * width + left], tile * TILE
            if top + ROWS <= rows and left + LANES <= width:
                uniform = True
                for y in range(ROWS):
                    line = load(labels, (top + y) * width + left)
                    store(label, i + y * LANES, line)
                    uniform &= everywhere(equal(line, fill(first)))
                if uniform:
                    whole[tile] = first >= 0
                    if first >= 0:
                        present[first, tile] = True
                    continue
            else:
                for y in range(ROWS):
                    for x in range(LANES):
                        inside = top + y < rows and left + x < width
                        label[i + y * LANES + x] = labels[(top + y) * width + left + x] if inside else np.int16(-1)
            whole[tile] = True
            for pixel in range(i, i + TILE):
                if label[pixel] >= 0:
                    present[label[pixel], tile] = True
                else:
                    whole[tile] = False


@kernel()
def put_back(tiled: np.ndarray, width: int, across: int, rows: np.ndarray) -> None:
    """Lays the pixels of tiles out by rows again.

    Args:
        tiled: (tiles · 64,) of any type
        width: pixels a row
        across: tiles a row
        rows: (n,) of the same type, whole rows, filled
    """
    for y in range(rows.size // width):
        for column in range(across):
            i, left = (y // ROWS * across + column) * TILE + y % ROWS * LANES, column * LANES
            if left + LANES <= width:
                store(rows, y * width + left, load(tiled, i))
            else:
                for x in range(width - left):
                    rows[y * width + left + x] = tiled[i + x]


@kernel()
def copy_rows(values: np.ndarray, width: int, stride: int, rows: np.ndarray) -> None:
    """Copies rows to longer ones, of which the rest stays as it is.

    Args:
        values: (n,) the rows of ``width``, one after another; the last may be cut short
        width: values a row
        stride: values from one row of ``rows`` to the next, ``width`` at least
        rows: (m,) of the same type, filled
    """
    for i in range(values.size):
        rows[i // width * stride + i % width] = values[i]
