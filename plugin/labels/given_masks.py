"""Images and their given masks, read one at a time and checked against one another."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar, overload

import numpy as np

from ..base.errors import LabelQualityError, SampleError
from ..base.types import IGNORED, SampleInput
from . import images
from .class_table import ClassTable
from .file_doubts import LOSSY, check_size
from .masks import MaskValueError, encode

T = TypeVar("T")
#: A mask as it is stored, or why there is none
Stored = np.ndarray | SampleError


class GivenMasks(Sequence[SampleInput]):
    """A lazy sequence of images with given masks; holds ids and paths, never pixels of files.

    Safe to index from several threads. Where masks are not in files, a subclass says how they are read; sent to another
    process, the masks of the samples that it holds go with it.

    Args:
        ids: of the samples that take part
        image_paths: of each sample
        mask_paths: of each sample, None where the mask is in no file
        class_table: the classes
        unknown: what a mask value outside the table is: ``error``, or ``ignore``
        held: sample id to a mask that is in no file, or to the reason why its sample cannot be used
    """

    def __init__(
        self,
        ids: Sequence[str],
        image_paths: Sequence[str],
        mask_paths: Sequence[str | None],
        class_table: ClassTable,
        unknown: str = "error",
        held: Mapping[str, Stored] | None = None,
    ) -> None:
        self.ids = ids
        self.image_paths = image_paths
        self.mask_paths = mask_paths
        self.class_table = class_table
        self.unknown = unknown
        self.held = dict(held or {})

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> SampleInput:  # type: ignore[override]
        """One sample; raises `IndexError` past the end, so the sequence can be iterated over."""
        index = range(len(self))[index]
        path, sample_id = self.image_paths[index], self.ids[index]
        return SampleInput(
            sample_id=sample_id,
            image_path=path,
            load_labels=partial(self.load_labels, index),
            load_image=partial(self._load_image, index),
        )

    def files(self) -> Iterator[str]:
        """The files of the samples: images and masks."""
        yield from self.image_paths
        yield from (path for path in self.mask_paths if path is not None)

    def window(self, positions: range) -> GivenMasks:
        """These samples alone, at the positions that they have here: what the work on a part needs of the whole.

        Args:
            positions: neighbours
        """
        ids, image_paths = (Window.of(column, positions) for column in (self.ids, self.image_paths))
        return self._like(ids, image_paths, Window.of(self.mask_paths, positions), self.held)

    def subset(self, indices: Iterable[int]) -> GivenMasks:
        """The samples at these positions, in this order, with the same classes."""
        chosen = list(indices)
        ids, image_paths = ([column[i] for i in chosen] for column in (self.ids, self.image_paths))
        return self._like(ids, image_paths, [self.mask_paths[i] for i in chosen], self.held)

    def refused(self, reasons: Mapping[int, str]) -> GivenMasks:
        """The same, but that the samples at these positions cannot be loaded, for these reasons."""
        errors: dict[str, Stored] = {
            self.ids[index]: SampleError(reason, sample_id=self.ids[index], path=self.image_paths[index])
            for index, reason in reasons.items()
        }
        return self._like(self.ids, self.image_paths, self.mask_paths, {**self.held, **errors})

    def _load_image(self, index: int) -> np.ndarray:
        self._check(index)
        return images.read_image(self.image_paths[index], self.ids[index])

    def _check(self, index: int) -> np.ndarray | None:
        """The mask that is held of a sample; raises where it is known that it cannot be used."""
        held = self.held.get(self.ids[index])
        if isinstance(held, SampleError):
            raise held
        return held

    def load_mask(self, index: int) -> np.ndarray:
        """The given mask as it is stored: (H, W) or (H, W, C) integers; raises `SampleError` if it cannot be read."""
        return self._load_mask(index, None)

    def _load_mask(self, index: int, check: Callable[[tuple[int, int]], None] | None) -> np.ndarray:
        """As `load_mask`; ``check`` is told the (height, width) before a file's pixels are decoded."""
        path, held = self.mask_paths[index], self._check(index)
        if path is not None:
            # Of a palette, what it holds: indices where classes are numbers, colours where they are colours
            return images.read_mask(path, self.ids[index], check, palette=self.class_table.colors is not None)
        mask = self._stored_mask(self.ids[index]) if held is None else held
        if check is not None:
            check((mask.shape[0], mask.shape[1]))
        return mask

    def load_labels(self, index: int) -> np.ndarray:
        """The given mask as class indices, checked against its image.

        Args:
            index: position of the sample

        Returns:
            (H, W) int16 indices into the class table, `IGNORED` where ignored

        Raises:
            SampleError: the mask is missing or broken, differs from the image in size, holds values outside the class
                table, or has no pixel that takes part
        """
        sample_id, path = self.ids[index], self.mask_paths[index]
        image_path = self.image_paths[index]
        self._check(index)
        header = images.image_header(image_path, sample_id)
        mask = self._load_mask(index, lambda size: check_size(size, header, image_path, sample_id, path))
        try:
            labels = encode(mask, self.class_table, self.unknown)
        except LabelQualityError as error:
            lossy = LOSSY if isinstance(error, MaskValueError) and path is not None and images.is_jpeg(path) else ""
            raise SampleError(f"{error}{lossy}", sample_id=sample_id, path=path) from error
        if not (labels != IGNORED).any():
            raise SampleError(
                "all pixels of the mask are ignored, so there is nothing to score. Leave the sample out of the view, "
                "or list fewer values in ignored=.",
                sample_id=sample_id,
                path=path,
            )
        return labels

    def classes_shown(self, index: int) -> np.ndarray | SampleError:
        """The class indices that a given mask holds, int64; or why it cannot be used."""
        try:
            labels = self.load_labels(index)
        except SampleError as error:
            return error
        counts = np.bincount(labels.ravel() + 1, minlength=self.class_table.size + 1)
        return np.flatnonzero(counts[1:])

    def __reduce__(self) -> tuple[Any, ...]:
        held = {**self._stored(_items(self.ids), _items(self.mask_paths)), **self.held}
        return GivenMasks, (self.ids, self.image_paths, self.mask_paths, self.class_table, self.unknown, held)

    def _like(
        self,
        ids: Sequence[str],
        image_paths: Sequence[str],
        mask_paths: Sequence[str | None],
        held: Mapping[str, Stored],
    ) -> GivenMasks:
        """One of the same kind with other samples."""
        return GivenMasks(ids, image_paths, mask_paths, self.class_table, self.unknown, held)

    def _stored(self, ids: Iterable[str], paths: Iterable[str | None]) -> dict[str, Stored]:
        """The masks of these samples that are in no file."""
        found: dict[str, Stored] = {}
        for sample_id, path in zip(ids, paths, strict=True):
            if path is None and sample_id not in self.held:
                try:
                    found[sample_id] = self._stored_mask(sample_id)
                except SampleError as error:
                    found[sample_id] = error
        return found

    def _stored_mask(self, sample_id: str) -> np.ndarray:
        """The mask of a sample that has none in a file."""
        raise SampleError("has no mask in a file, and none was sent with it.", sample_id=sample_id)


class Window(Sequence[T]):
    """Some neighbours of a long sequence, at the positions that they have in it.

    Args:
        total: length of the whole
        start: position of the first that is held
        items: those that are held
    """

    def __init__(self, total: int, start: int, items: Sequence[T]) -> None:
        self.total, self.start, self.items = total, start, list(items)

    @classmethod
    def of(cls, whole: Sequence[T], positions: range) -> Window[T]:
        """The items of a sequence, or of another window of it, at neighbouring positions."""
        return cls(len(whole), positions.start, [whole[index] for index in positions])

    def __len__(self) -> int:
        return self.total

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[T]: ...
    def __getitem__(self, index: int | slice) -> T | Sequence[T]:
        if isinstance(index, slice):
            return [self[one] for one in range(*index.indices(self.total))]
        place = index - self.start
        if not 0 <= place < len(self.items):
            raise IndexError(f"Position {index} is not among the {len(self.items)} from {self.start} that are here")
        return self.items[place]


def _items(column: Sequence[T]) -> Sequence[T]:
    return column.items if isinstance(column, Window) else column


def file_state(path: str) -> str:
    """What changes when a file does: its path, size and time; a path that leads to none is said when it is read."""
    try:
        state = os.stat(path)
    except (OSError, ValueError):
        return f"{path} missing"
    return f"{path} {state.st_size} {state.st_mtime_ns}"
