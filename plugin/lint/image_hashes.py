"""Hashes of what images show: equal images, also of another size or compression, have nearly the same.

An image is shrunken to 64 × 64 gray values and these to 8 rows of 9; each of the 64 bits says whether a value is
larger than the one to its left, by more than 2 % of the image's contrast, so that noise in even places changes none.

References:
    N. Krawetz, "Kind of like that", 2013 (the difference hash).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

import cv2
import numpy as np

from ..base.errors import SampleError
from ..base.file_digest import file_digest
from ..labels.images import read_thumbnail

SIDE = 64
#: Gray values between the darkest and the lightest of an image that shows something
LEAST_CONTRAST = 8.0
_STEP = 0.02
#: Digits of a digest of files that make 64 bits
_HEX = 16
_ROWS, _COLUMNS = 8, 9
#: Bits of a band, of which two hashes share at least one where fewer bits differ than there are bands
_BAND = 8
_BANDS = 64 // _BAND
#: Bits in which the hashes of equal images differ at most
MOST_BITS = _BANDS - 1
#: Hashes with a byte in common, on either side, that each is compared with, and how many of them are taken
_NEXT, _NEAREST = 1000, 3
#: How many bits of each number of 16 bits are set
_BITS_SET = np.unpackbits(np.arange(2**16, dtype=np.uint16).view(np.uint8).reshape(-1, 2), axis=1).sum(1, np.uint8)


def image_hash(path: str) -> int | None:
    """The hash of an image, 64 bits; that of its file where it shows nothing, and None where it cannot be read."""
    try:
        value = hash_of(read_thumbnail(path, SIDE))
        return int(file_digest(path)[:_HEX], 16) if value is None else value
    except (SampleError, OSError):
        return None


def hash_of(gray: np.ndarray) -> int | None:
    """The hash of a shrunken image.

    Args:
        gray: (64, 64) uint8
    """
    contrast = float(gray.max()) - float(gray.min())
    if contrast < LEAST_CONTRAST:
        return None
    small = cv2.resize(gray.astype(np.float32), (_COLUMNS, _ROWS), interpolation=cv2.INTER_AREA)
    bits = np.diff(small, axis=1) > _STEP * contrast
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def near_hashes(hashes: Sequence[int]) -> list[tuple[int, int, int]]:
    """Distinct hashes that differ in at most 7 bits: of each the nearest few, by the bits in which they differ.

    Two such hashes have one of their eight bytes in common, so only those are compared; of the thousands that frames of
    a camera which stands still have in common, each with some before and after it in order.

    Args:
        hashes: distinct, 64 bits each

    Returns:
        bits, and the places of both, each pair once
    """
    known = np.array(hashes, np.uint64)
    found: dict[tuple[int, int], int] = {}
    compared: set[bytes] = set()
    for band in range(_BANDS):
        part = (known >> np.uint64(_BAND * band)) & np.uint64(2**_BAND - 1)
        order = np.lexsort((known, part))
        starts = np.flatnonzero(np.diff(part[order])) + 1
        for places in np.split(order, starts):
            # Frames of a camera that stands still have several bytes in common, each of them the same frames
            same = hashlib.blake2b(places.tobytes()).digest()
            if same not in compared:
                compared.add(same)
                found.update(_nearest(known, places))
    return sorted((bits, *pair) for pair, bits in found.items())


def _nearest(known: np.ndarray, places: np.ndarray) -> Iterator[tuple[tuple[int, int], int]]:
    for index in range(len(places)):
        one = int(places[index])
        others = np.append(places[max(0, index - _NEXT) : index], places[index + 1 : index + 1 + _NEXT])
        bits = _bits(known[others] ^ known[one])
        near = np.flatnonzero(bits <= MOST_BITS)
        for place in near[np.argsort(bits[near], kind="stable")[:_NEAREST]]:
            other = int(others[place])
            yield (min(one, other), max(one, other)), int(bits[place])


def _bits(values: np.ndarray) -> np.ndarray:
    """How many bits of each value are set."""
    quarters = _BITS_SET[np.ascontiguousarray(values).view(np.uint16)].reshape(-1, 4)
    bits: np.ndarray = quarters[:, 0] + quarters[:, 1] + quarters[:, 2] + quarters[:, 3]
    return bits
