"""How FiftyOne reads a mask: with OpenCV, in which a palette is its colours and every colour is 0xRRGGBB."""

from __future__ import annotations

import numpy as np

#: Kinds of pixels, as PIL calls them, of which FiftyOne's evaluator counts the values that a run counts: where classes
#: are integers, and where they are colours
_NUMBERS = ("1", "L", "I", "I;16", "I;16B", "I;16L")
_COLORS = ("RGB", "RGBA", "P")
_INSTEAD = {
    False: "store it as a grayscale PNG of its class values",
    True: "store it as an RGB PNG",
}


def kind_of_array(mask: np.ndarray) -> str:
    """What the pixels of a mask in the database are, as `misread` takes it."""
    return "RGB" if mask.ndim == 3 else "L"


def misread(kind: str, colors: bool) -> str:
    """Why FiftyOne's evaluator would count other values than a run does; "" where it counts the same.

    Args:
        kind: of the mask's pixels, as PIL calls it, such as ``L``, ``P`` or ``RGB``
        colors: whether the run's classes are colours
    """
    if kind in (_COLORS if colors else _NUMBERS):
        return ""
    wanted = "colours" if colors else "integers"
    return (
        f"Expected a mask that FiftyOne reads as {wanted}, as the run's classes are, but its pixels are of kind "
        f"{kind!r}, which FiftyOne's evaluator would count as other values: {_INSTEAD[colors]}."
    )
