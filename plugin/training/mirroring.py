"""Mirror images: a network that sees an image and its mirror image errs less in the mean of the two.

A network is sure of some mistakes by chance of how an image lies; in its mirror image it is not. That holds where what
is seen has its class whichever way it faces, so not where classes tell left from right.

References:
    Krizhevsky, Sutskever, Hinton: ImageNet classification with deep convolutional neural networks. NeurIPS 2012 (the
    mean over mirrored pieces of an image).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import torch

from ..models.encoders import LogitWriter

_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")
_SIDES = ("left", "right")


def tells_left_from_right(name: str) -> bool:
    """Whether a class of this name is another one in a mirror image: one of its words begins with left or right."""
    return any(word.lower().startswith(_SIDES) for word in _WORD.findall(name))


def sided_classes(names: Iterable[str]) -> list[str]:
    """Of the names of classes, those that tell left from right."""
    return [name for name in names if tells_left_from_right(name)]


def mean_logits(first: torch.Tensor, second: torch.Tensor, writer: LogitWriter) -> torch.Tensor:
    """Logits of the mean of two predictions' probabilities.

    Args:
        first: (N, K, h, w) logits
        second: (N, K, h, w) logits
        writer: of the fold, which leaves out the classes that it has not seen

    Returns:
        (N, K, h, w) float32 logits, minus infinity for probability 0
    """
    return ((writer.masked(first).softmax(1) + writer.masked(second).softmax(1)) / 2).log()
