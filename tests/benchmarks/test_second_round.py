"""The benchmark of second audits: what it says of either audit of a set."""

from __future__ import annotations

import argparse
from dataclasses import replace

import numpy as np
import pytest

from benchmarks import second_round

from .test_suspects import made_suspects


def test_both_audits_are_judged_and_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first = made_suspects([0.0, 1.0, 0.0, 1.0], images=4, mislabelled=[0, 1, 0, 1], evidence=[0.1, 0.2, 0.3, 0.4])
    second = replace(first, evidence=np.array([0.4, 0.1, 0.3, 0.2]), wrong=np.array([1.0, 1.0, 1.0, 0.0]))
    sets = {"a systematic": first}
    monkeypatch.setattr(second_round, "measured_sets", lambda options: sets)
    asked = []
    monkeypatch.setattr(
        second_round,
        "of_each_set",
        lambda options, look, own, second: asked.append((own, second)) or {"a systematic": second_set},
    )
    second_set = second
    figures = second_round.run(argparse.Namespace(resamples=20, seed=1))
    assert asked == [(True, True)]
    found = figures["a systematic"]
    assert list(found) == ["first", "second"]
    # Mislabelled images second and last, then both in front
    assert found["first"]["evidence"] == pytest.approx((1 / 2 + 2 / 4) / 2) and found["second"]["evidence"] == 1
    assert (found["first"]["top"], found["second"]["top"]) == (0.5, 0.75)
    assert set(found["first"]) == {"evidence", "softmin", "ap", "top", "number", "precision", "recall", "widest"}
    rows = [line.split("|")[1:4] for line in capsys.readouterr().out.splitlines() if line.startswith("| a sys")]
    assert [[cell.strip() for cell in row] for row in rows] == [
        ["a systematic", "first", "0.500"],
        ["a systematic", "second", "1.000"],
    ]


def test_the_widest_issue_is_the_pair_of_classes_that_is_shown_in_most_images() -> None:
    pairs = {"given": [0, 0, 0, 2, 2, 2], "suggested": [1, 1, 1, 1, 1, 0]}
    found = replace(made_suspects([1.0] * 6, images=8, **pairs), image=np.array([0, 0, 1, 3, 4, 5]))
    assert second_round.widest_issue(found, np.ones(6, bool)) == 2 / 8
    assert second_round.widest_issue(found, np.array([True, True, False, True, False, True])) == 1 / 8
    assert second_round.widest_issue(found, np.zeros(6, bool)) == 0
