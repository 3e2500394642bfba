"""The panels' words and numbers: phrases in place of field names, counts and shares as people write them."""

from __future__ import annotations

import html
import os
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ...plugin.dataset.record_parts import WorstImage

#: The ranking score's name among the choices of a distribution
QUALITY = "quality"
SCORE_NAMES = {
    "evidence": "Class-pair evidence",
    "softmin": "Softmin",
    "ccp": "Correctly classified pixels",
    "tccp": "Correctly classified pixels, thresholded",
    "cil": "Confidence in the given class",
    "clc": "Confident learning",
    "iou": "Mean IoU with the prediction",
    "coco": "Connected components",
}
#: What each type of error is, for people who have not read of them
TYPE_NAMES = {
    "drop": "Drop: an object left out",
    "swap": "Swap: a wrong class",
    "shift": "Shift: a displaced edge",
    "other": "Other",
}
NO_SUSPECT = "No suspect"
KIND_NAMES = {
    "ambiguous": "Ambiguous",
    "false_negative": "Missed class",
    "systematic": "Systematic",
    "general": "Single cases",
}
SOURCE_NAMES = {
    "cross_validation": "cross-validated predictions",
    "model": "predictions of a model",
    "files": "stored predictions",
}
_TICK_LENGTH = 18


def count(number: int, noun: str = "", plural: str = "") -> str:
    """A whole number with its noun, as "1,204 images"."""
    if not noun:
        return f"{number:,}"
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def about(number: int) -> str:
    """A large number as people say it: "2.4 million"."""
    for size, name in ((10**9, "billion"), (10**6, "million")):
        if number >= size:
            return f"{number / size:.1f} {name}"
    return f"{number:,}"


def percent(share: float | None) -> str:
    """A share of 0..1 in percent, with as many digits as mean something."""
    if share is None:
        return "–"
    value = 100 * share
    if 0 < value < 0.01:
        return "< 0.01 %"
    return f"{value:.0f} %" if value >= 10 or value == 0 else f"{value:.1f} %" if value >= 1 else f"{value:.2f} %"


def score_name(name: str, quality: str | None) -> str:
    """A score's phrase; that of the ranking score says which one it is."""
    if name != QUALITY:
        return SCORE_NAMES.get(name, name)
    return f"Quality ({SCORE_NAMES.get(quality or '', 'the ranking score').lower()})"


def when(created: str) -> str:
    """The time that a record was made, as "22 Nov 2026, 18:20 UTC"."""
    try:
        moment = datetime.fromisoformat(created)
    except ValueError:
        return created
    return f"{moment.day} {moment:%b %Y, %H:%M} UTC"


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


def accusation(region: Mapping[str, Any]) -> str:
    """What a suspect is accused of: "Given as sky, looks like tree, 93 %"; the question about what was drawn."""
    unit = region.get("unit")
    if unit == "image":
        return f"Is there an error in this mask, of at least {percent(region.get('least'))} of its pixels?"
    if unit == "place":
        seen = f", looks like {region['suggested']}" if region.get("suggested") else ""
        return f"Given as {region['given']} in the ring{seen}: is that wrong?"
    if not region.get("given"):
        return f"Added by hand: {region.get('label')}"
    probability = f", {percent(region['probability'])}" if region.get("probability") else ""
    return f"Given as {region['given']}, looks like {region.get('suggested')}{probability}"


def particulars(region: Mapping[str, Any]) -> str:
    """A suspect's type, size and verdict: "Drop: an object left out · 1,204 pixels · confirmed by Ann"."""
    kind, verdict, right = (region.get(name) for name in ("error_type", "verdict", "corrected_to"))
    parts = [TYPE_NAMES.get(kind, kind) if kind else "", count(region["area"], "pixel") if region.get("area") else ""]
    if verdict:
        parts.append(f"{verdict}{f' as {right}' if right else ''} by {region.get('reviewed_by')}")
    return " · ".join(part for part in parts if part)


def reviewed(done: int, total: int) -> str:
    """How far a review is: "12 of 133 reviewed"."""
    return f"{done:,} of {total:,} reviewed"


def file_name(filepath: str) -> str:
    """An image's name without its folder."""
    return os.path.basename(filepath) or filepath
