"""What a lint finds: kinds, and one finding with its place and its reason."""

from __future__ import annotations

from dataclasses import dataclass

STRAY, HOLE, SLIVER, GAP, FRAME = "stray", "hole", "sliver", "gap", "frame"
RARE_CLASS, UNKNOWN_VALUE, OUTLIER, SIZE = "rare_class", "unknown_value", "outlier", "size"
DUPLICATE, EMPTY, UNREADABLE, MISSING, IMAGE = "duplicate", "empty", "unreadable", "missing", "image"
#: Kind to what it is; those of whole masks first, and then in the order in which an image shows its findings
KINDS = {
    MISSING: "a sample without a mask",
    UNREADABLE: "a mask that cannot be read",
    IMAGE: "an image that cannot be read",
    SIZE: "a mask that is not as large as its image, or turned",
    UNKNOWN_VALUE: "values outside the class table",
    EMPTY: "a mask without any class",
    DUPLICATE: "an equal image with another mask",
    FRAME: "a frame: outermost rows or columns of another class",
    RARE_CLASS: "a class that hardly occurs elsewhere",
    OUTLIER: "a component of unusual size, place or shape",
    GAP: "a thin unlabelled strip between two objects",
    SLIVER: "a thin strip of a class along an edge of others",
    HOLE: "a few pixels inside another component",
    STRAY: "a component of a few pixels",
}


@dataclass(frozen=True)
class Finding:
    """Something improbable in the mask of a sample.

    Args:
        kind: one of `KINDS`
        sample: position of the sample
        reason: why, in a sentence
        given: name of the class; "" where it is of none
        pixels: how many it is about; 0 where it is about the sample
        box: left, top, width and height in pixels of the mask; None for all of the image
        centre: mean column and row of its pixels; None where it has no place
        strength: the larger, the earlier among those of its kind
        beside: name of the class that most of a component's outline is with; "" where there is none
        cut_off: whether another component of its class is one pixel away
    """

    kind: str
    sample: int
    reason: str
    given: str = ""
    pixels: int = 0
    box: tuple[int, int, int, int] | None = None
    centre: tuple[float, float] | None = None
    strength: float = 0.0
    beside: str = ""
    cut_off: bool = False

    @property
    def order(self) -> tuple[int, float]:
        """By what findings of an image are sorted."""
        return _ORDER[self.kind], -self.strength


_ORDER = {kind: place for place, kind in enumerate(KINDS)}
