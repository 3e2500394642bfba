"""The benchmark of CamVid's own labels: which verdict is on which suspect, and how many of the first are real."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from label_quality.plugin.base.progress import silent
from label_quality.plugin.suspects.probability import shipped_model

from benchmarks import own_labels, suspect_sets
from benchmarks.own_labels import CONVENTION, FALSE, REAL, Place
from benchmarks.suspect_sets import OWN, NoisySet

from .test_suspects import made_audit, made_source, made_suspects

HEADER = "image,left,top,width,height,given,suggested,verdict\n"


def test_the_verdict_on_a_suspect_is_that_on_the_one_in_its_place(tmp_path: Path) -> None:
    file = tmp_path / "verdicts.csv"
    file.write_text(
        HEADER + "a.jpg,0,0,10,10,road,car,real\na.jpg,4,0,10,10,road,car,false\na.jpg,0,0,10,10,road,tree,convention\n"
    )
    verdicts = own_labels.read_verdicts(file)
    for place, expected in (
        (Place("a.jpg", (0, 0, 10, 10), "road", "car"), REAL),
        # 9 of 11 columns, and 7 of 13, in common
        (Place("a.jpg", (1, 0, 10, 10), "road", "car"), REAL),
        (Place("a.jpg", (3, 0, 10, 10), "road", "car"), FALSE),
        (Place("a.jpg", (0, 0, 10, 10), "road", "tree"), CONVENTION),
        # A quarter in common; another image; another class
        (Place("a.jpg", (0, 0, 5, 5), "road", "car"), None),
        (Place("b.jpg", (0, 0, 10, 10), "road", "car"), None),
        (Place("a.jpg", (0, 0, 10, 10), "tree", "road"), None),
        (Place("a.jpg", (50, 50, 10, 10), "road", "car"), None),
    ):
        assert own_labels.verdict_on(place, verdicts) == expected


def test_the_first_and_the_probable_are_judged_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_labels, "TOPS", (2, 4))
    verdicts, scores = [FALSE, REAL, None, CONVENTION, REAL], np.array([3.0, 2.0, 1.0, 0.0, -1.0])
    found = own_labels.judge(verdicts, scores, rated=True)
    assert found["top"]["2"] == {"looked at": 2, REAL: 1, CONVENTION: 0}
    assert found["top"]["4"] == {"looked at": 3, REAL: 1, CONVENTION: 1}
    assert found["probable"] == {"number": 4, "looked at": 3, REAL: 1, CONVENTION: 1}
    assert "probable" not in own_labels.judge(verdicts, scores, rated=False)


def test_the_verdicts_that_come_with_it_can_be_read() -> None:
    verdicts = [one for places in own_labels.read_verdicts(own_labels.VERDICTS).values() for one in places]
    assert len(verdicts) > 200 and {verdict for _, verdict in verdicts} == {REAL, CONVENTION, FALSE}
    assert len({place for place, _ in verdicts}) == len(verdicts)
    for place, _ in verdicts:
        left, top, width, height = place.box
        assert 0 <= left < left + width <= 480 and 0 <= top < top + height <= 360 and place.given != place.suggested


def test_masks_as_they_are_make_a_set_where_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suspect_sets, "HABITS", {"camvid": []})
    camvid, nuclei = (made_source(tmp_path / name).folder for name in ("c", "n"))
    kinds = ["sparse", "systematic", "corrected"]
    for own, expected in ((False, kinds), (True, [*kinds, OWN])):
        sets = suspect_sets.noisy_sets(tmp_path / "work", 0, camvid, nuclei, 51, silent, own)
        assert [one.kind for one in sets] == expected
    assert sets[-1].given == sets[-1].true == camvid / "masks" and sets[-1].source.blocks


def test_suspects_are_located_rated_and_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    one, audited = made_audit(tmp_path)
    camvid = replace(one.source, domain="camvid")
    planted = own_labels._look(replace(one, source=camvid), audited, tmp_path, 51, silent)
    given = NoisySet(camvid, OWN, one.given, one.given)
    own = own_labels._look(given, audited, tmp_path, 51, silent)
    assert own.places == planted.places == [Place("0.png", (5, 10, 3, 20), "wall", "door")]
    assert own.measured.wrong.tolist() == [0] and planted.measured.wrong.tolist() == [1]
    other = own_labels._look(one, audited, tmp_path, 51, silent)
    assert other.places == ()
    file = tmp_path / "verdicts.csv"
    file.write_text(HEADER + "0.png,5,10,3,20,wall,door,real\n")
    monkeypatch.setattr(own_labels, "VERDICTS", file)
    found = {"rooms sparse": other, "camvid sparse": planted, "camvid own": own}
    monkeypatch.setattr(own_labels, "of_each_set", lambda options, look, own: found)
    figures = own_labels.run(argparse.Namespace(camvid=tmp_path, seed=51))
    assert set(figures["own"]) == {"evidence", "shipped weights"} == set(figures["sets"]["camvid sparse"])
    assert figures["own"]["evidence"]["top"]["20"] == {"looked at": 1, REAL: 1, CONVENTION: 0}
    assert figures["own"]["shipped weights"]["probable"]["number"] in (0, 1)
    assert set(figures["sets"]) == {"camvid sparse"}
    printed = capsys.readouterr().out
    assert "1 of 1" in printed and "| camvid sparse | evidence " in printed


def test_verdicts_count_beside_planted_errors() -> None:
    suspects = made_suspects([1.0, 0.0, 0.0, 1.0, 0.0], feature=[5.0, 4.0, 3.0, 2.0, 1.0])
    found = own_labels.with_verdicts(suspects, [None, REAL, CONVENTION, CONVENTION, FALSE])
    # A planted error that is on a convention is an error all the same
    assert found.wrong.tolist() == [1, 1, 1, 0] and found.features[:, 0].tolist() == [5, 4, 2, 1]
    judged = own_labels.judge_planted(found, {"model": shipped_model()})
    assert judged["evidence"]["top"]["20"] == 0.75 and "ece" not in judged["evidence"]
    assert {"number", "precision", "recall", "ece"} <= set(judged["model"])


def test_it_needs_camvid() -> None:
    with pytest.raises(SystemExit, match=r"the verdicts are on CamVid\. Give --camvid"):
        own_labels.run(argparse.Namespace(camvid=None))
