"""Estimates of errors in words, the same in the App and on the command line."""

from __future__ import annotations

from ..estimate.replicates import Interval
from .judged_sample import ErrorEstimate, IssueEstimate


def progress_sentence(found: ErrorEstimate) -> str:
    """How far judging is, and what to do."""
    kinds = {"places": found.places, "suspects": found.suspects, "images": found.images}
    shown = ", ".join(f"{one.judged:,} of {one.shown:,} {name}" for name, one in kinds.items() if one.shown)
    left = sum(one.shown - one.judged for one in kinds.values())
    if not left:
        return f"Judged: {shown}."
    return f"Judged: {shown}. The saved view '{found.view}' has those that are left."


def estimate_rows(found: ErrorEstimate) -> list[tuple[str, str]]:
    """What is estimated, and the estimate with its interval; only what there is an estimate of."""
    rows = [
        ("Wrong pixels", _share(found.wrong_pixels)),
        ("Mean IoU of the labels", _number(found.label_miou, "{:.3f}")),
        ("Wrong images", _of(found.wrong_images, found.all_images)),
        ("Wrong pixels that are not found yet", _of(found.unfound_pixels, found.pixels)),
        ("Wrong pixels where nothing is suspected", _of(found.unsuspected_pixels, found.pixels)),
        (
            "Real suspects, of those not reviewed",
            _of(found.real_suspects, found.open_suspects) if found.open_suspects else None,
        ),
    ]
    known = [(what, value) for what, value in rows if value is not None]
    if found.wrong_pixels is not None:
        known.append((f"More verdicts on places for ±{100 * found.precision:g} %", _more(found)))
    return known


def class_rows(found: ErrorEstimate) -> list[tuple[str, str, str, str]]:
    """Name, pixels, wrong and missed share of each class, with intervals."""
    return [(one.name, f"{one.pixels:,}", _share(one.wrong) or "–", _share(one.missed) or "–") for one in found.classes]


def issue_rows(found: ErrorEstimate) -> list[tuple[str, str, str, str]]:
    """Title of each issue of which some suspects are judged, those not reviewed, verdicts, and how many are real.

    The last row has the suspects of all other issues, where there are any.
    """
    known = [one for one in found.issues if one.judged and one.suspects]
    rows = [
        (f"{one.suggested} given as {one.given}", f"{one.suspects:,}", f"{one.judged:,}", _real(one)) for one in known
    ]
    others = sum(one.suspects for one in found.issues if not one.judged)
    return [*rows, ("Others, of which none is judged", f"{others:,}", "0", "–")] if others else rows


def _real(one: IssueEstimate) -> str:
    real = one.real
    return f"{real.value:,.0f} ({real.low:,.0f} to {real.high:,.0f}), {_percent(real.value / one.suspects)}"


def _more(found: ErrorEstimate) -> str:
    if found.more_verdicts is None:
        return "more than can be judged"
    return f"{found.more_verdicts:,}" if found.more_verdicts else "none: it is as precise"


def _share(one: Interval | None) -> str | None:
    return None if one is None else f"{_percent(one.value)} ({_percent(one.low)} to {_percent(one.high)})"


def _of(one: Interval | None, total: int) -> str | None:
    if one is None:
        return None
    numbers = f"{one.value:,.0f} ({one.low:,.0f} to {one.high:,.0f})"
    return f"{numbers} of {total:,}" + (f", {_share(one.scaled(1 / total))}" if total else "")


def _number(one: Interval | None, form: str) -> str | None:
    return None if one is None else f"{form.format(one.value)} ({form.format(one.low)} to {form.format(one.high)})"


def _percent(share: float) -> str:
    percent = 100 * share
    if 0 < percent < 0.01:
        return "< 0.01 %"
    return f"{percent:.0f} %" if percent in (0, 100) else f"{percent:.1f} %" if percent >= 10 else f"{percent:.2f} %"
