"""The benchmark of a review of many suspects, on a few."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks import many_suspects
from benchmarks.many_suspects import Steps


@pytest.mark.slow
def test_every_step_is_timed_and_five_objects_an_image_are_suspects(tmp_path: Path) -> None:
    figures = tmp_path / "many.json"
    command = [sys.executable, "-m", "benchmarks", "many-suspects", "--images", "6", "--repetitions", "1"]
    done = subprocess.run([*command, f"--json={figures}"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(figures.read_text())
    assert found["images"] == 6 and 20 <= found["suspects"] <= 40
    assert f"6 images, {found['suspects']} suspects" in done.stdout
    for step in ("opening the panel", "one verdict", "learning from 5 verdicts", "Those together that look alike"):
        assert found["steps"][step]["seconds"] > 0 and f"| {step} " in done.stdout


def test_an_image_has_as_many_wrong_objects_as_said(tmp_path: Path) -> None:
    for part in ("images", "masks", "soft"):
        (tmp_path / part).mkdir()
    paths = many_suspects._write_one(tmp_path, 3)
    seen, given = np.load(paths["soft"]).argmax(axis=0), cv2.imread(paths["masks"], cv2.IMREAD_UNCHANGED)
    number, _, stats, _ = cv2.connectedComponentsWithStats((seen != given).astype(np.uint8), connectivity=4)
    assert sum(area > 60 for *_, area in stats[1:number].tolist()) == 5


def test_what_comes_after_a_step_is_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(many_suspects.time, "perf_counter", lambda: clock[0])

    def passes(seconds: float) -> None:
        clock[0] += seconds

    steps = Steps(3)
    steps.time("step", lambda number: passes(number + 1.0), after=lambda number: passes(100.0))
    assert steps.found["step"]["seconds"] == 2.0
