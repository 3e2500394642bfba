"""The comparison of beliefs: whole sets, small ones, and ones with nothing wrong."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from label_quality.plugin.suspects.probability import BELIEF, SuspectModel
from label_quality.plugin.suspects.region_features import FEATURES

from benchmarks import suspect_beliefs
from benchmarks.suspect_measures import Suspects

FIRST = FEATURES.index("evidence")
MODEL = SuspectModel(np.zeros(len(FEATURES)), np.ones(len(FEATURES)), np.eye(len(FEATURES))[FIRST] * 2, 0.0)


def a_set(rate: float, count: int = 400, seed: int = 0) -> Suspects:
    """Suspects of which the model knows exactly how probable each is: log-odds 2 x, where x is N(±1, 1)."""
    rng = np.random.default_rng(seed)
    real = rng.random(count) < rate
    features = np.zeros((count, len(FEATURES)))
    features[:, FIRST] = rng.normal(np.where(real, 1.0, -1.0))
    none, nothing = np.zeros(count), np.zeros((0, len(FEATURES)))
    classes = np.zeros(count, np.int64)
    return Suspects(
        *(count, features, np.full(count, np.nan), np.zeros((count, 2)), classes, classes, np.arange(count)),
        *(np.zeros((count, 4), np.int64), real.astype(float), none, nothing, np.zeros(0)),
        *(real, none, none),
    )


@pytest.fixture(autouse=True)
def model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suspect_beliefs, "learn", lambda sets, penalty, without: MODEL if without != "none" else None)


def test_a_false_belief_is_seen_in_small_sets_above_all() -> None:
    found = suspect_beliefs.judge_beliefs({"a x": a_set(0.9), "none x": a_set(0.5)}, 0.01)
    assert len(found) == len(suspect_beliefs.BELIEFS)
    # No drops: one rate, which orders nothing anew
    assert len({row["ap"] for row in found.values()}) == 1 and 0.9 < found["1 + 1"]["ap"] < 1
    low, package = found["10 + 40"], found[f"{BELIEF[0]:g} + {BELIEF[1]:g}"]
    assert list(low) == ["ap"] + [f"{one} of {size}" for size in ("all", 50, 10) for one in ("ece", "loss", "listed")]
    assert low["ece of 10"] > 2 * low["ece of all"] and low["loss of 10"] > low["loss of all"]
    assert package["ece of all"] < 0.05 and package["ece of 10"] < low["ece of 10"] / 2


def test_of_a_set_with_nothing_wrong_less_is_listed_where_less_is_believed() -> None:
    found = suspect_beliefs.judge_beliefs({"a x": a_set(0.3)}, 0.01)
    assert found["25 + 25"]["listed of 10"] > found["1 + 1"]["listed of 10"] > found["0.1 + 0.1"]["listed of 10"]
    # By hand: of the false ones alone, those that are at least 0.5 probable at the rate that they give themselves
    assert found["1 + 1"]["listed of all"] < 0.05


def test_a_set_of_real_suspects_alone_has_no_false_ones() -> None:
    one = a_set(0.5)
    found = suspect_beliefs.judge_beliefs({"a x": replace(one, wrong=np.ones(400)), "b x": one}, 0.01)
    alone = suspect_beliefs.judge_beliefs({"b x": one}, 0.01)
    for name, row in found.items():
        assert row["listed of all"] == alone[name]["listed of all"]
        assert row["loss of all"] != alone[name]["loss of all"]


def test_it_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    suspect_beliefs.print_beliefs({"1 + 1": {"ece of all": 0.0347, "loss of all": 0.16, "listed of 10": 0.02889}})
    lines = capsys.readouterr().out.splitlines()
    assert [cell.strip() for cell in lines[3].split("|")[1:-1]] == [
        "belief",
        "ece of all",
        "loss of all",
        "listed of 10",
    ]
    assert [cell.strip() for cell in lines[5].split("|")[1:-1]] == ["1 + 1", "0.0347", "0.1600", "0.0289"]
