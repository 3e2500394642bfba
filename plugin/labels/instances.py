"""Instances drawn as a semantic mask, in which every pixel has one class.

Where instances overlap, the smaller one is in front, by its pixels in the image: the rider is on the horse, the wheel
on the car. Of two that are equally large, the later in the list is in front.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..base.errors import LabelQualityError
from .class_table import LARGEST_ID, ClassTable
from .places import Place

#: What the class of pixels that no instance covers may be called, by its letters in lower case; first the default
BACKGROUND_NAMES = ("background", "unlabelled", "unlabeled", "bg")


@dataclass(frozen=True)
class Instance:
    """An annotated object.

    Args:
        id: of its label
        label: its class
        place: its pixels
    """

    id: str
    label: str
    place: Place


@dataclass(frozen=True)
class InstanceValues:
    """The mask values of instances.

    Args:
        of_labels: label to mask value, those of ignored classes among them
        background: mask value of the pixels that no instance covers
        unknown: mask value of instances whose label is no class; no class has it
    """

    of_labels: Mapping[str, int]
    background: int
    unknown: int

    @classmethod
    def of(cls, table: ClassTable) -> InstanceValues:
        """The values that the classes of a table have.

        Raises:
            LabelQualityError: none of the classes is one of `BACKGROUND_NAMES`, or masks have colours
        """
        names = [*table.names, *table.ignored_names]
        place = background_place(names)
        if place is None or table.colors is not None:
            raise LabelQualityError(
                f"Expected integers as mask values and a class 'background' for the pixels that no instance covers, "
                f"but got the classes {', '.join(names)}. Name it in classes=."
            )
        values = [*table.ids, *table.ignored[: len(table.ignored_names)]]
        taken = set(values)
        free = next(value for value in (255, *range(LARGEST_ID + 1)) if value not in taken)
        return cls(dict(zip(names, values, strict=True)), values[place], free)


def background_place(names: Sequence[str]) -> int | None:
    """The position of the name that stands for what no instance covers, the most telling first; None without one."""
    letters = [re.sub("[^a-z]", "", name.lower()) for name in names]
    return next((letters.index(name) for name in BACKGROUND_NAMES if name in letters), None)


def with_background(names: Sequence[str]) -> dict[int, str]:
    """The classes of instances as mask targets 0, 1, 2, …, behind a background of the value 0 unless they have one."""
    listed = list(names) if background_place(names) is not None else [BACKGROUND_NAMES[0], *names]
    return dict(enumerate(listed))


def back_to_front(instances: Sequence[Instance]) -> list[Instance]:
    """The instances in the order in which they are drawn: the larger before the smaller, else as they are listed."""
    return sorted(instances, key=lambda one: -one.place.area)


def draw_classes(instances: Sequence[Instance], size: tuple[int, int], values: InstanceValues) -> np.ndarray:
    """The semantic mask of instances.

    Args:
        instances: of an image
        size: (height, width) of the image in pixels
        values: of the classes

    Returns:
        (H, W) uint8 mask values, uint16 where one is above 255
    """
    largest = max(*values.of_labels.values(), values.unknown)
    mask = np.full(size, values.background, np.uint8 if largest <= 255 else np.uint16)
    for one in back_to_front(instances):
        mask[one.place.rows, one.place.columns][one.place.inside] = values.of_labels.get(one.label, values.unknown)
    return mask


def draw_instances(instances: Sequence[Instance], size: tuple[int, int]) -> np.ndarray:
    """Which instance is in front at each pixel: (H, W) int32 positions in the list, -1 where there is none."""
    mask = np.full(size, -1, np.int32)
    position = {one.id: index for index, one in enumerate(instances)}
    for one in back_to_front(instances):
        mask[one.place.rows, one.place.columns][one.place.inside] = position[one.id]
    return mask
