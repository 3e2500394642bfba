"""What is computed once a sample and used by every fold, on disk."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..store.containers import read_container, write_container

#: Bytes of pieces that stay in memory: those of 800 images with the fast preset
_IN_MEMORY = 512 * 2**20


@dataclass(frozen=True)
class Item:
    """One piece that a network is trained on: an image, or a tile of it.

    Args:
        sample_id: the sample it comes from
        number: of the piece among the sample's
        size: (height, width) of the labels it is trained on
        labelled: whether any pixel takes part
    """

    sample_id: str
    number: int
    size: tuple[int, int]
    labelled: bool


@dataclass(frozen=True)
class CachedSample:
    """What is known of a sample without reading its arrays.

    Args:
        items: its pieces
        classes: the class indices that its labels have
    """

    items: tuple[Item, ...]
    classes: tuple[int, ...]


class SampleCache:
    """A folder with a summary of each sample and one file of arrays a piece.

    Every fold reads most pieces in every epoch, so those that come first stay in memory as far as there is room, once
    for all folds. None makes way for another: where pieces are read in random order again and again, that is as good as
    any rule. To be used by several threads.

    Args:
        folder: made when the first sample is written
        memory: bytes of pieces that stay in memory
    """

    def __init__(self, folder: Path, memory: int = _IN_MEMORY) -> None:
        self.folder = folder
        self._kept: dict[Item, dict[str, Any]] = {}
        self._memory = self._room = memory
        self._lock = threading.Lock()

    def write(self, sample_id: str, pieces: Sequence[dict[str, Any]], labels: np.ndarray) -> None:
        """Stores a sample; it counts as stored only once all of it is.

        Args:
            sample_id: its id
            pieces: each has ``labels``, (h, w) int16, beside what the network needs
            labels: (H, W) int16 class indices of the whole sample
        """
        for number, piece in enumerate(pieces):
            write_container(self._piece(sample_id, number), piece)
        summary = {
            "sizes": [list(piece["labels"].shape) for piece in pieces],
            "labelled": [bool((piece["labels"] >= 0).any()) for piece in pieces],
            "classes": [int(value) for value in np.unique(labels[labels >= 0])],
        }
        write_container(self._summary(sample_id), summary)

    def has(self, sample_id: str) -> bool:
        """Whether the sample is stored."""
        return self._summary(sample_id).is_file()

    def summary(self, sample_id: str) -> CachedSample:
        """What the sample has."""
        found = read_container(self._summary(sample_id), sample_id)
        kinds = enumerate(zip(found["sizes"], found["labelled"], strict=True))
        items = tuple(Item(sample_id, number, tuple(size), labelled) for number, (size, labelled) in kinds)
        return CachedSample(items, tuple(found["classes"]))

    def read(self, item: Item) -> dict[str, Any]:
        """The arrays of a piece, as they were written; others may have them too, so they are not to be changed."""
        kept = self._kept.get(item)
        if kept is not None:
            return kept
        piece = read_container(self._piece(item.sample_id, item.number), item.sample_id)
        self._keep(item, piece)
        return piece

    def clear(self) -> None:
        """Removes the folder, and what is in memory."""
        with self._lock:
            self._kept.clear()
            self._room = self._memory
        shutil.rmtree(self.folder, ignore_errors=True)

    def _keep(self, item: Item, piece: dict[str, Any]) -> None:
        size = _bytes_of(piece)
        with self._lock:
            if item not in self._kept and size <= self._room:
                self._kept[item] = piece
                self._room -= size

    def _summary(self, sample_id: str) -> Path:
        return self.folder / f"{sample_id}.sample"

    def _piece(self, sample_id: str, number: int) -> Path:
        return self.folder / f"{sample_id}-{number}.piece"


def _bytes_of(value: Any) -> int:
    """Of the arrays in a piece."""
    if isinstance(value, np.ndarray):
        return value.nbytes
    if isinstance(value, (dict, list)):
        return sum(map(_bytes_of, value.values() if isinstance(value, dict) else value))
    return 0
