"""What applying every suggestion would do to each class, and label quality as a mean IoU."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from .issues import GroupTally, check_totals


@dataclass(frozen=True)
class ClassEffect:
    """One class before and after all suspects take their suggested class.

    Args:
        index: of the class
        name: its name
        pixels_before: given the class
        pixels_after: of the class once every suggestion is applied
        suspected_pixels: given the class and in a suspect
        share: suspected of the given pixels, in [0, 1]; None where none is given
        iou: of the given labels with the suggested ones, in [0, 1]: kept pixels over given or gained ones; None where
            the class has no pixel before or after
    """

    index: int
    name: str
    pixels_before: int
    pixels_after: int
    suspected_pixels: int
    share: float | None
    iou: float | None


def class_effects(tally: GroupTally, class_pixels: np.ndarray, names: Sequence[str]) -> list[ClassEffect]:
    """The effect of the suggestions on each class, over the whole dataset.

    Regions of one image are disjoint, being components of one map of given × predicted class, so that no pixel has
    two suggestions: a class loses the pixels of its regions and gains those of the regions that suggest it.

    Args:
        tally: the regions of all images
        class_pixels: (K,) int64 pixels given each class, at the resolution of the regions' areas
        names: K names

    Returns:
        K effects, by class index.

    Raises:
        ValueError: a class has fewer pixels than its regions, or the arguments differ in the number of classes
    """
    check_totals(tally, class_pixels, names)
    lost, gained = tally.lost().tolist(), tally.gained().tolist()
    return [
        ClassEffect(
            index=index,
            name=name,
            pixels_before=before,
            pixels_after=before - lost[index] + gained[index],
            suspected_pixels=lost[index],
            share=_ratio(lost[index], before),
            iou=_ratio(before - lost[index], before + gained[index]),
        )
        for index, (name, before) in enumerate(zip(names, np.asarray(class_pixels).tolist(), strict=True))
    ]


def label_miou(effects: Iterable[ClassEffect]) -> float:
    """The mean IoU of the given labels with the suggested ones, over the classes present in either.

    It judges labels as one judges a model's predictions, so that a rare class counts as much as a common one.

    Returns:
        The mean in [0, 1]; nan where no class is present.
    """
    ious = [effect.iou for effect in effects if effect.iou is not None]
    return math.fsum(ious) / len(ious) if ious else math.nan


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None
