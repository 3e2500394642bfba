"""A measured gain in words and rows."""

from __future__ import annotations

from typing import Any

import pytest
from label_quality.plugin.gain.text import score_rows
from label_quality.plugin.records.record_parts import GainPart, Measured, TrainedScore


def gain(changed: float) -> Any:
    one = Measured(0.5, 0.4, 0.6)
    known = {"miou": one, "accuracy": one, "classes": []}
    scores = [TrainedScore(masks=masks, changed=changed, **known) for masks in ("given", "unsuspected", "clean")]
    found = GainPart.__new__(GainPart)
    object.__setattr__(found, "scores", scores)
    return found


@pytest.mark.parametrize(
    ("changed", "words"), [(0.0, "0 %"), (4e-6, "< 0.01 %"), (0.0001, "0.01 %"), (0.0142, "1.4 %"), (0.25, "25 %")]
)
def test_a_share_of_changed_pixels_is_never_written_as_nothing_where_there_is_some(changed: float, words: str) -> None:
    assert {row["changed"] for row in score_rows(gain(changed))} == {words}
