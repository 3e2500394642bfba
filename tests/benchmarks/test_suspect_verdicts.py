"""Verdicts on suspects: which is on which, and what counts as real."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from label_quality.plugin.base.progress import silent

from benchmarks import suspect_judging, suspect_verdicts
from benchmarks.suspect_sets import OWN, NoisySet
from benchmarks.suspect_verdicts import CONVENTION, FALSE, REAL, VERDICTS, Place

from .test_suspects import made_audit, made_suspects

HEADER = "image,left,top,width,height,given,suggested,verdict\n"


def test_the_verdict_on_a_suspect_is_that_on_the_one_in_its_place(tmp_path: Path) -> None:
    file = tmp_path / "verdicts.csv"
    file.write_text(
        HEADER + "a.jpg,0,0,10,10,road,car,real\na.jpg,4,0,10,10,road,car,false\na.jpg,0,0,10,10,road,tree,convention\n"
    )
    verdicts = suspect_verdicts.read_verdicts(file)
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
        assert suspect_verdicts.verdict_on(place, verdicts) == expected


@pytest.mark.parametrize(("domain", "number"), [("camvid", 200), ("nuclei", 50)])
def test_the_verdicts_that_come_with_it_can_be_read(domain: str, number: int) -> None:
    verdicts = [one for places in suspect_verdicts.read_verdicts(VERDICTS[domain]).values() for one in places]
    assert len(verdicts) > number and {verdict for _, verdict in verdicts} == {REAL, CONVENTION, FALSE}
    assert len({place for place, _ in verdicts}) == len(verdicts)
    for place, _ in verdicts:
        left, top, width, height = place.box
        assert min(left, top) >= 0 < min(width, height) and place.given != place.suggested
        if domain == "camvid":
            assert left + width <= 480 and top + height <= 360


def test_suspects_are_looked_up_where_there_are_verdicts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, audited = made_audit(tmp_path)
    file = tmp_path / "verdicts.csv"
    file.write_text(HEADER + "0.png,5,10,3,20,wall,door,real\n")
    monkeypatch.setattr(suspect_verdicts, "VERDICTS", {"camvid": file})
    camvid = replace(one.source, domain="camvid")
    planted = suspect_verdicts.look(replace(one, source=camvid), audited, tmp_path, 51, silent)
    own = suspect_verdicts.look(NoisySet(camvid, OWN, one.given, one.given), audited, tmp_path, 51, silent)
    assert own.verdicts == planted.verdicts == [REAL]
    assert own.measured.wrong.tolist() == [0] and planted.measured.wrong.tolist() == [1]
    assert own.judged.wrong.tolist() == [1]
    other = suspect_verdicts.look(one, audited, tmp_path, 51, silent)
    assert other.verdicts is None and other.judged is other.measured


def test_verdicts_count_beside_known_errors() -> None:
    suspects = made_suspects([0.9, 0.0, 0.0, 0.8, 0.3], feature=[5.0, 4.0, 3.0, 2.0, 1.0])
    found = suspect_verdicts.with_verdicts(suspects, [None, REAL, CONVENTION, CONVENTION, FALSE])
    # A planted error that is on a convention is an error all the same
    assert found.wrong.tolist() == [0.9, 1, 0.8, 0.3] and found.features[:, 0].tolist() == [5, 4, 2, 1]
    assert np.isnan(found.right).tolist() == [False, True, False, False]
    # Of those two of which the right class is known, it is suggested for one
    known = replace(found, right=np.array([1.0, np.nan, 0.2, 0.0]))
    assert suspect_judging.judge_probability(known, np.array([9.0, 9.0, 9.0, -9.0]))["right_class"] == 0.5
