"""The benchmark of masks with errors of their own: how many of the first suspects are real by a person's verdicts."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pytest
from label_quality.plugin.base.progress import silent

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
    with pytest.raises(SystemExit, match=r"the verdicts are on CamVid's own masks\. Give --camvid"):
        own_labels.run(argparse.Namespace(camvid=None))


def test_suspects_in_the_masks_as_they_are_are_rated_and_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    verdicts = [REAL, CONVENTION, *[FALSE] * 10, None]
    own = Seen(made_suspects([0.0] * 13, feature=[13.0 - place for place in range(13)], planted=[1.0]), verdicts)
    others = Seen(made_suspects([1.0, *[0.0] * 12], feature=[9.0, *[1.0] * 12]), None)
    asked = []
    monkeypatch.setattr(
        own_labels,
        "of_each_set",
        lambda options, look, **how: asked.append(how) or {"rooms sparse": others, "camvid own": own},
    )
    figures = own_labels.run(argparse.Namespace(camvid=tmp_path, seed=51))
    assert asked == [{"own": True}] and list(figures) == ["evidence", "probability", "shipped weights"]
    assert figures["evidence"]["top"]["20"] == {"looked at": 12, REAL: 1, CONVENTION: 1}
    assert "probable" not in figures["evidence"] and figures["probability"]["probable"]["number"] in range(14)
    assert "| evidence        | 1 of 12 | 1 of 12 |" in capsys.readouterr().out
