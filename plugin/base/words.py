"""Words and numbers as people read them, in the App and in reports: phrases for names, counts, shares and times."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

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
#: From here on a probability would be shown as 100 %
_NEARLY_CERTAIN = 0.995


def count(number: int, noun: str = "", plural: str = "") -> str:
    """A whole number with its noun, as "1,204 images"."""
    if not noun:
        return f"{number:,}"
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def percent(share: float | None) -> str:
    """A share of 0..1 in percent, with as many digits as mean something."""
    if share is None:
        return "–"
    value = 100 * share
    if 0 < value < 0.01:
        return "< 0.01 %"
    return f"{value:.0f} %" if value >= 10 or value == 0 else f"{value:.1f} %" if value >= 1 else f"{value:.2f} %"


def probable(probability: float) -> str:
    """A suspect's probability in percent: what would be rounded to certainty is not certain."""
    return "> 99 %" if probability > _NEARLY_CERTAIN else percent(probability)


def decimal(value: float | None) -> str:
    """A number in [0, 1], as "0.812"."""
    return "–" if value is None else f"{value:.3f}"


def expected(number: float) -> str:
    """An expected number, as "4.6"; a large one in whole."""
    return f"{number:.1f}" if number < 9.95 else f"{number:,.0f}"


def when(created: str) -> str:
    """The time that a record was made, as "22 Nov 2026, 18:20 UTC"."""
    try:
        moment = datetime.fromisoformat(created)
    except ValueError:
        return created
    return f"{moment.day} {moment:%b %Y, %H:%M} UTC"


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
    probability = region.get("probability")
    sure = f", {probable(probability)}" if probability else ""
    return f"Given as {region['given']}, looks like {region.get('suggested')}{sure}"


def particulars(region: Mapping[str, Any]) -> str:
    """A suspect's type, size and verdict: "Drop: an object left out · 1,204 pixels · confirmed by Ann"."""
    kind, verdict, right = (region.get(name) for name in ("error_type", "verdict", "corrected_to"))
    parts = [TYPE_NAMES.get(kind, kind) if kind else "", count(region["area"], "pixel") if region.get("area") else ""]
    if verdict:
        parts.append(f"{verdict}{f' as {right}' if right else ''} by {region.get('reviewed_by')}")
    return " · ".join(part for part in parts if part)
