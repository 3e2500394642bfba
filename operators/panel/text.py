"""The panels' words and numbers: phrases in place of field names, counts and shares as people write them."""

from __future__ import annotations

import html
import os

import fiftyone as fo

from ...plugin.base.words import (
    KIND_NAMES,
    SCORE_NAMES,
    SOURCE_NAMES,
    TYPE_NAMES,
    accusation,
    count,
    expected,
    particulars,
    percent,
    probable,
    when,
)
from ...plugin.documents.annotation_schema import can_edit
from ...plugin.records.record_parts import WorstImage

__all__ = [
    "KIND_MEANINGS",
    "KIND_NAMES",
    "SCORE_NAMES",
    "SOURCE_NAMES",
    "TYPE_NAMES",
    "about",
    "accusation",
    "count",
    "expected",
    "file_name",
    "in_plot",
    "leading_suspect",
    "particulars",
    "percent",
    "probable",
    "redrawing",
    "reviewed",
    "score_name",
    "short",
    "when",
]

#: The ranking score's name among the choices of a distribution
QUALITY = "quality"
NO_SUSPECT = "No suspect"
#: What a kind of issue says, in the order in which they are looked for
KIND_MEANINGS = {
    "ambiguous": "also mistaken the other way round; decide which of the two is meant.",
    "false_negative": "a class that is missed so often that it would grow markedly.",
    "systematic": "the same mistake in many images.",
    "general": "no pattern yet.",
}
_TICK_LENGTH = 18


def about(number: int) -> str:
    """A large number as people say it: "2.4 million"."""
    for size, name in ((10**9, "billion"), (10**6, "million")):
        if number >= size:
            return f"{number / size:.1f} {name}"
    return f"{number:,}"


def score_name(name: str, quality: str | None) -> str:
    """A score's phrase; that of the ranking score says which one it is."""
    if name != QUALITY:
        return SCORE_NAMES.get(name, name)
    return f"Quality ({SCORE_NAMES.get(quality or '', 'the ranking score').lower()})"


def in_plot(name: str) -> str:
    """A name in a text of Plotly, which takes some HTML for its own markup and links."""
    return html.escape(name, quote=False)


def short(name: str) -> str:
    """A class's name at the axis of a plot."""
    return in_plot(name if len(name) <= _TICK_LENGTH else f"{name[: _TICK_LENGTH - 1]}…")


def leading_suspect(image: WorstImage) -> str:
    """The leading suspect of an image in the list of the worst: "Swap: car given as road"."""
    kind = image.error_type
    if kind is None:
        return "–"
    if kind == "none" or image.given is None:
        return NO_SUSPECT
    return f"{kind.capitalize()}: {image.suggested} given as {image.given}"


def redrawing() -> str:
    """How a suspect's shape is changed in this App."""
    if not can_edit():
        return (
            f"This FiftyOne ({fo.__version__}) cannot edit masks in the App. Update it to redraw suspects: pip install "
            "-U fiftyone."
        )
    return "To redraw it, open it, choose Annotate above the sidebar, click it there, and take the brush."


def reviewed(done: int, total: int) -> str:
    """How far a review is: "12 of 133 reviewed"."""
    return f"{done:,} of {total:,} reviewed"


def file_name(filepath: str) -> str:
    """An image's name without its folder."""
    return os.path.basename(filepath) or filepath
