"""The command that kills operations and breaks what they need: a handful of kills, and what it takes for a loss."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import faults
from benchmarks.faults_state import differences, users_own


@pytest.mark.slow
def test_a_handful_of_kills(tmp_path: Path) -> None:
    figures = tmp_path / "faults.json"
    command = [sys.executable, "-m", "benchmarks", "faults", "--kills", "3", "--only", "tag", f"--json={figures}"]
    done = subprocess.run([*command, "--cases", "database killed"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(figures.read_text())
    (kills,), (fault,) = found["kills"], found["faults"]
    assert kills["operation"] == "tag" and sum(kills["kills"].values()) == kills["identical"] == 3
    assert (kills["lost"], fault["wrong"], fault["not_tried"]) == ([], [], None)
    assert fault["explained"] + fault["survived"] == fault["identical"] == 1
    assert "| tag " in done.stdout and "3 kills in " in done.stdout and "| database killed | tag " in done.stdout


def dataset_state() -> dict[str, Any]:
    field = {"name": "note", "ftype": "str", "description": None}
    own = {"document": {"sample_fields": [field]}, "samples": [{"note": "a", "tags": ["mine"], "lq_quality": 0.5}]}
    views = {"mine": {"description": None}, "lq: worst first": {"description": "All. (Label quality run 'lq')"}}
    return {"given": {"1.png": "abc"}, "datasets": {"d": {**own, "views": views, "runs": {"mine": 1, "lq": 2}}}}


def test_a_difference_is_told_by_its_path() -> None:
    state = dataset_state()
    other = copy.deepcopy(state)
    assert differences(state, other) == []
    other["datasets"]["d"]["samples"][0]["lq_quality"] = 0.25
    del other["given"]["1.png"]
    assert differences(state, other) == [
        "/datasets/d/samples/0/lq_quality: expected 0.5, found 0.25",
        '/given/1.png: expected "abc", found "absent"',
    ]


@pytest.mark.parametrize(
    ("place", "value", "lost"),
    [
        ("lq_quality", 0.1, False),
        ("note", "b", True),
        ("tags", [], True),
        ("tags", ["mine", "relabel"], False),
    ],
)
def test_what_is_the_users_own(place: str, value: Any, lost: bool) -> None:
    before, after = dataset_state(), dataset_state()
    after["datasets"]["d"]["samples"][0][place] = value
    del after["datasets"]["d"]["views"]["lq: worst first"], after["datasets"]["d"]["runs"]["lq"]
    assert bool(differences(users_own(before), users_own(after))) == lost
    del after["datasets"]["d"]["views"]["mine"]
    assert "/datasets/d/views/mine: " in differences(users_own(before), users_own(after))[-1]


def test_the_tables_say_what_was_lost_and_what_was_not_tried(capsys: Any) -> None:
    lost = {"kill": {"kind": "file change", "at": 7}, "what": ["/files/a: expected 1, found 2"], "differences": 1}
    steps = {"database write": 5, "file change": 9}
    kills = {"operation": "audit", "seconds": 1.0, "steps": steps, "kills": {"file change": 2}, "identical": 1}
    fault = {"case": "folder full", "operation": "audit", "explained": 0, "survived": 0, "identical": 0, "wrong": []}
    figures = {
        "kills": [{**kills, "lost": [lost], "left": {"views": 1}}],
        "faults": [{**fault, "not_tried": "no file system can be mounted here"}],
        "seconds": 61.0,
    }
    faults._print(figures)
    printed = capsys.readouterr().out
    assert "2 kills in 1 minutes" in printed and "| views (1) " in printed
    assert "Lost by audit, killed at file change 7:\n  /files/a: expected 1, found 2" in printed
    assert "not tried: no file system can be mounted here" in printed
