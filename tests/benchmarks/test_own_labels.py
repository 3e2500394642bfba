"""The benchmark of masks with errors of their own: how many of the first suspects are real by a person's verdicts."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pytest
from label_quality.plugin.base.progress import silent
from label_quality.plugin.suspects.probability import shipped_model

from benchmarks import own_labels, suspect_sets
from benchmarks.suspect_sets import OWN
from benchmarks.suspect_verdicts import CONVENTION, FALSE, REAL, Seen

from .test_suspects import made_source, made_suspects


def test_the_first_and_the_probable_are_judged_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_labels, "TOPS", (2, 4))
    verdicts, scores = [FALSE, REAL, None, CONVENTION, REAL], np.array([3.0, 2.0, 1.0, 0.0, -1.0])
    found = own_labels.judge(verdicts, scores, rated=True)
    assert found["top"]["2"] == {"looked at": 2, REAL: 1, CONVENTION: 0}
    assert found["top"]["4"] == {"looked at": 3, REAL: 1, CONVENTION: 1}
    assert found["probable"] == {"number": 4, "looked at": 3, REAL: 1, CONVENTION: 1}
    assert "probable" not in own_labels.judge(verdicts, scores, rated=False)


def test_masks_as_they_are_make_a_set_where_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suspect_sets, "HABITS", {"camvid": []})
    camvid, nuclei = (made_source(tmp_path / name).folder for name in ("c", "n"))
    kinds = ["sparse", "systematic", "corrected"]
    for own, expected in ((False, kinds), (True, [*kinds, OWN])):
        sets = suspect_sets.noisy_sets(tmp_path / "work", 0, camvid, nuclei, 51, silent, own)
        assert [one.kind for one in sets] == expected
    assert sets[-1].given == sets[-1].true == camvid / "masks" and sets[-1].source.blocks


def test_it_needs_camvid() -> None:
    with pytest.raises(SystemExit, match=r"most verdicts are on CamVid\. Give --camvid"):
        own_labels.run(argparse.Namespace(camvid=None))


def test_known_errors_are_judged_by_evidence_and_by_each_model() -> None:
    judged = own_labels.judge_known(
        made_suspects([1.0, 1.0, 1.0, 0.0], feature=[4.0, 3.0, 2.0, 1.0]), {"model": shipped_model()}
    )
    assert judged["evidence"]["top"]["20"] == 0.75 and "ece" not in judged["evidence"]
    assert {"number", "precision", "recall", "ece"} <= set(judged["model"])


def test_sets_with_verdicts_are_rated_and_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    measured = made_suspects([0.0, 0.0], feature=[2.0, 1.0])
    found = {
        "rooms sparse": Seen(measured, None),
        "camvid sparse": Seen(made_suspects([1.0, 0.0], feature=[2.0, 1.0]), [None, CONVENTION]),
        "camvid own": Seen(measured, [REAL, None]),
        "nuclei corrected": Seen(made_suspects([0.0, 1.0], feature=[2.0, 1.0]), [REAL, None]),
    }
    monkeypatch.setattr(own_labels, "of_each_set", lambda options, look, own: found)
    figures = own_labels.run(argparse.Namespace(camvid=tmp_path, seed=51))
    assert set(figures["own"]) == {"evidence", "shipped weights"}
    assert figures["own"]["evidence"]["top"]["20"] == {"looked at": 1, REAL: 1, CONVENTION: 0}
    assert figures["own"]["shipped weights"]["probable"]["number"] in (0, 1, 2)
    assert list(figures["sets"]) == ["camvid sparse", "nuclei corrected"]
    # A convention is left out, and what was found real counts beside what was corrected
    assert [one["evidence"]["top"]["20"] for one in figures["sets"].values()] == [1, 1]
    printed = capsys.readouterr().out
    assert "1 of 1" in printed and "| nuclei corrected | evidence " in printed
