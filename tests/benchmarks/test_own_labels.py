"""The benchmark of CamVid's own labels: which verdict is on which suspect, and how many of the first are real."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pytest
from label_quality.plugin.base.progress import silent
from label_quality.plugin.suspects.region_features import FEATURES

from benchmarks import own_labels, suspect_sets
from benchmarks.own_labels import CONVENTION, FALSE, REAL, OwnSuspects, Place
from benchmarks.suspect_sets import OWN, NoisySet

from .test_suspects import made_audit, made_source

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


def test_own_suspects_are_found_rated_and_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    one, audited = made_audit(tmp_path)
    given = NoisySet(one.source, OWN, one.given, one.given)
    sets: dict = {}
    own = own_labels._look(given, audited, tmp_path, 51, sets, silent)
    assert isinstance(own, OwnSuspects) and not sets
    assert own.places == [Place("0.png", (5, 10, 3, 20), "wall", "door")]
    assert own.features.shape == (1, len(FEATURES)) and own.similarity.shape == (1,)
    assert own_labels._look(one, audited, tmp_path, 51, sets, silent) is None and list(sets) == ["rooms sparse"]
    file = tmp_path / "verdicts.csv"
    file.write_text(HEADER + "0.png,5,10,3,20,wall,door,real\n")
    monkeypatch.setattr(own_labels, "VERDICTS", file)
    found = {"c sparse": None, "c own": own}
    monkeypatch.setattr(own_labels, "of_each_set", lambda options, look, own: found)
    figures = own_labels.run(argparse.Namespace(camvid=tmp_path, seed=51))
    assert figures["suspects"] == 1 and set(figures["orders"]) == {"evidence", "shipped weights"}
    assert figures["orders"]["evidence"]["top"]["20"] == {"looked at": 1, REAL: 1, CONVENTION: 0}
    assert figures["orders"]["shipped weights"]["probable"]["number"] in (0, 1)
    assert "1 of 1" in capsys.readouterr().out


def test_it_needs_camvid() -> None:
    with pytest.raises(SystemExit, match=r"the verdicts are on CamVid\. Give --camvid"):
        own_labels.run(argparse.Namespace(camvid=None))
