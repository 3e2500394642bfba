"""Which blocks of pixels the parts of an image lie in, and with how many pixels."""

from __future__ import annotations

import numpy as np

from .compiled import kernel


def block_overlaps(numbers: np.ndarray, factor: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Counts the pixels that each part has in each block of ``factor`` × ``factor`` pixels.

    Args:
        numbers: (H, W) int32, the part that each pixel is in, from 1 on; 0 for none
        factor: side of a block in pixels, at least 1

    Returns:
        m pairs of a part and a block that share pixels, by block: (m,) int32 part, (m,) int32 place of the block in the
        rows of the (ceil(H / factor), ceil(W / factor)) blocks, and (m,) int32 pixels that they share.
    """
    numbers = np.ascontiguousarray(numbers, np.int32)
    parts, blocks, counts = (np.empty(numbers.size, np.int32) for _ in range(3))
    pairs = _count(numbers, factor, parts, blocks, counts)
    # Copies, so that the memory for the most pairs that there can be is given back
    return parts[:pairs].copy(), blocks[:pairs].copy(), counts[:pairs].copy()


@kernel()
def _count(numbers: np.ndarray, factor: int, parts: np.ndarray, blocks: np.ndarray, counts: np.ndarray) -> int:
    """Fills the pairs, block after block, and returns how many there are."""
    height, width = numbers.shape
    columns, pairs = -(-width // factor), 0
    for top in range(0, height, factor):
        for left in range(0, width, factor):
            first = pairs
            for y in range(top, min(top + factor, height)):
                for x in range(left, min(left + factor, width)):
                    number = numbers[y, x]
                    if number == 0:
                        continue
                    place = first
                    while place < pairs and parts[place] != number:
                        place += 1
                    if place == pairs:
                        parts[place], counts[place] = number, 0
                        blocks[place] = (top // factor) * columns + left // factor
                        pairs += 1
                    counts[place] += 1
    return pairs
