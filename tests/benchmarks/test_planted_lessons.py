"""The benchmark of errors planted in a set's own masks: what is learnt from them, and how it is judged."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from label_quality.plugin.base.progress import silent
from label_quality.plugin.suspects.probability import shipped_model

from benchmarks import planted_lessons, suspect_sets
from benchmarks.suspect_measures import Suspects
from benchmarks.suspect_sets import NoisySet
from benchmarks.suspect_verdicts import Seen

from .test_suspects import COUNT, made_source, made_suspects

RNG = np.random.default_rng(3)


def noisy_suspects(real: int, false: int, planted: int) -> Suspects:
    """Suspects of which the real ones, and the planted ones, have a larger first feature."""
    wrong = np.arange(real + false) < real
    found = made_suspects(wrong.astype(float).tolist(), feature=(3.0 * wrong + RNG.normal(size=wrong.size)).tolist())
    features = np.zeros((planted + 2, COUNT))
    features[:, 0] = 3 + RNG.normal(size=planted + 2)
    # Two that lie only partly in what was planted
    return replace(found, planted_features=features, planted_wrong=np.repeat([1.0, 0.3], [planted, 2]))


def test_copies_teach_planted_errors_as_mistakes_and_the_least_suspicious_of_the_set_as_false() -> None:
    suspects = noisy_suspects(real=4, false=16, planted=7)
    lesson = planted_lessons.of_copies(suspects, shipped_model())
    suspicion = shipped_model().log_odds(suspects.features, suspects.similarity)
    least = suspects.features[suspicion <= np.quantile(suspicion, 0.7)]
    assert lesson.mistakes.tolist() == [False] * len(least) + [True] * 7 and len(least) == 14
    assert (lesson.features[:14] == least).all() and (lesson.features[14:] == suspects.planted_features[:7]).all()
    assert np.isnan(lesson.similarity).all()


def test_masks_teach_planted_errors_as_mistakes_however_suspicious_they_are() -> None:
    suspects = noisy_suspects(real=5, false=15, planted=0)
    lesson = planted_lessons.of_masks(suspects, shipped_model())
    assert lesson.mistakes.sum() == 5 and (~lesson.mistakes).sum() <= 14
    none = planted_lessons.of_masks(noisy_suspects(0, 0, 0), shipped_model())
    assert none.mistakes.size == 0


def test_all_models_are_judged_and_printed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    seen = {name: Seen(noisy_suspects(30, 60, 40), None) for name in ("scenes sparse", "fields sparse")}
    seen["cells sparse"] = Seen(noisy_suspects(30, 60, 3), None)
    again = {f"{name}-replanted": noisy_suspects(25, 60, 0) for name in seen}
    monkeypatch.setattr(
        planted_lessons, "of_each_set", lambda options, look, own, replanted=False: again if replanted else seen
    )
    figures = planted_lessons.run(argparse.Namespace(seed=51))
    assert list(figures) == list(seen)
    assert list(figures["scenes sparse"]) == ["others", "copies", "copies and others", "anew", "anew and others"]
    # Too few of what was planted was found to learn from it
    assert list(figures["cells sparse"]) == ["others", "anew", "anew and others"]
    assert min(one["ap"] for one in figures["scenes sparse"].values()) > 0.8
    printed = capsys.readouterr().out
    assert len([line for line in printed.splitlines() if line.startswith("| fields sparse")]) == 5


def test_errors_are_planted_beside_those_that_masks_have(tmp_path: Path) -> None:
    source = made_source(tmp_path / "rooms", images=40)
    one = NoisySet(source, "sparse", source.folder / "masks", source.folder / "masks")
    made = suspect_sets.plant_again(one, tmp_path / "work", 51, silent)
    assert (made.name, made.true) == ("rooms sparse-replanted", one.given)
    files = sorted(one.given.glob("*.png"))
    masks = {folder: [cv2.imread(str(folder / file.name), -1) for file in files] for folder in (made.given, made.true)}
    wrong = [(given != true).any() for given, true in zip(*masks.values(), strict=True)]
    assert 0 < sum(wrong) < len(wrong) == 40
    before = (made.given / files[0].name).stat().st_mtime_ns
    suspect_sets.plant_again(one, tmp_path / "work", 51, silent)
    assert (made.given / files[0].name).stat().st_mtime_ns == before
