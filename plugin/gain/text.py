"""A measured gain in words and as rows of tables."""

from __future__ import annotations

from ..base.words import percent
from ..records.record_parts import GainPart, Measured, TrainedScore
from .config import CLEAN, GIVEN, UNSUSPECTED

CALLED = {GIVEN: "Given", UNSUSPECTED: "Without suspects", CLEAN: "Clean"}


def gain_sentences(found: GainPart) -> list[str]:
    """What was found, the main thing first, and how it was measured."""
    clean, unsuspected = (score_of(found, masks) for masks in (CLEAN, UNSUSPECTED))
    given = score_of(found, GIVEN)
    seeds = f"with {found.repeats} seeds" if found.repeats > 1 else "once"
    return [
        f"Trained on the clean masks, mIoU is {clean.miou.value:.3f} instead of {given.miou.value:.3f} "
        f"({_gain(clean)}).",
        f"Without what is suspected it is {unsuspected.miou.value:.3f} ({_gain(unsuspected)}).",
        f"Trained {seeds} on {found.trained:,} images and judged on {found.judged:,} verified ones.",
    ]


def score_rows(found: GainPart) -> list[dict[str, str]]:
    """A row for each kind of masks: its name, the share of pixels changed, and measures and gains with intervals."""
    return [
        {
            "masks": CALLED[one.masks],
            "changed": percent(one.changed),
            "miou": value_text(one.miou),
            "miou_gain": gain_text(one.miou_gain),
            "accuracy": value_text(one.accuracy),
            "accuracy_gain": gain_text(one.accuracy_gain),
        }
        for one in found.scores
    ]


def class_rows(found: GainPart) -> list[dict[str, str]]:
    """A row for each verified class, the largest gain of clean masks first: its IoU by kind of masks."""
    by_class = {
        masks: {one.name: one for one in score_of(found, masks).classes} for masks in (GIVEN, UNSUSPECTED, CLEAN)
    }
    gains = {name: one.gain for name, one in by_class[CLEAN].items()}
    order = sorted(gains, key=lambda name: -_value(gains[name]))
    return [
        {
            "name": name,
            **{masks: f"{classes[name].iou.value:.3f}" for masks, classes in by_class.items()},
            "gain": gain_text(gains[name]),
        }
        for name in order
    ]


def score_of(found: GainPart, masks: str) -> TrainedScore:
    """The score of a kind of masks."""
    return next(one for one in found.scores if one.masks == masks)


def value_text(one: Measured) -> str:
    """A measure and its interval."""
    return f"{one.value:.3f} ({one.low:.3f} to {one.high:.3f})"


def gain_text(one: Measured | None) -> str:
    """A difference and its interval, with signs; empty for none."""
    return "" if one is None else f"{one.value:+.3f} ({one.low:+.3f} to {one.high:+.3f})"


def _gain(one: TrainedScore) -> str:
    gain = one.miou_gain
    assert gain is not None
    return f"{gain.value:+.3f}, 95 % interval {gain.low:+.3f} to {gain.high:+.3f}"


def _value(one: Measured | None) -> float:
    return 0.0 if one is None else one.value
