"""The benchmark of what class-pair evidence is made of: its forms, against the package's own, and its table."""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
import pytest
from label_quality.plugin.base.progress import silent
from label_quality.plugin.passes.kept import pack_pairs
from label_quality.plugin.scores.class_pair_evidence import (
    PairEvidence,
    UsualEvidence,
    evidence_score,
    pair_evidence,
)
from label_quality.plugin.store.run_folder import RunFolder

from benchmarks import pair_evidence as benchmark
from benchmarks.audited_sets import Audited
from benchmarks.pair_evidence import AS_IT_IS, FORMS, Contradicted, Form, Term
from benchmarks.suspect_sets import NoisySet, Source

from .test_suspects import TABLE, made_source

CLASSES = 4


def images(count: int = 30, seed: int = 0) -> list[tuple[np.ndarray, np.ndarray]]:
    """Probabilities (4, 6, 8) and labels (6, 8), some of which take no part."""
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.full(CLASSES, 0.4), (count, 6, 8)).transpose(0, 3, 1, 2).astype(np.float32)
    labels = rng.integers(-1, CLASSES, (count, 6, 8)).astype(np.int16)
    return list(zip(probabilities, labels, strict=True))


def contradicted(made: list[tuple[np.ndarray, np.ndarray]], softmin: np.ndarray, wrong: np.ndarray) -> Contradicted:
    taking_part = [(labels >= 0, labels, probabilities.argmax(0)) for probabilities, labels in made]
    count = lambda which: np.array([np.bincount(which(*one), minlength=CLASSES) for one in taking_part])  # noqa: E731
    return Contradicted(
        nats={term: np.array([benchmark.pixel_nats(*one, term) for one in made]) for term in _terms()},
        given=count(lambda takes, given, _: given[takes]),
        seen=count(lambda takes, _, seen: seen[takes]),
        agree=count(lambda takes, given, seen: given[takes & (given == seen)]),
        softmin=softmin,
        mislabelled=wrong,
    )


def _terms() -> set[Term]:
    return {form.term for form in FORMS.values()}


@pytest.mark.parametrize("count", [1, 3, 30])
def test_the_form_as_it_is_is_the_score_of_the_package(count: int) -> None:
    made, softmin = images(count), np.random.default_rng(1).uniform(0, 1, count)
    softmin[0] = 1e-5
    pairs, usual = [pair_evidence(*one) for one in made], UsualEvidence(CLASSES)
    for one in pairs:
        usual.update(one)
    expected = [evidence_score(one, usual.usual(), value) for one, value in zip(pairs, softmin, strict=True)]
    found = benchmark.score(contradicted(made, softmin, np.zeros(count, bool)), FORMS[AS_IT_IS])
    assert found == pytest.approx(np.array(expected), rel=1e-5)


def test_a_pixel_says_what_its_form_says() -> None:
    probabilities = np.array([[[0.6, 0.2]], [[0.4, 0.2]], [[0.0, 0.6]]], np.float32)
    labels = np.array([[1, -1]], np.int16)
    for term, nats in (
        (Term(), 0.2 * np.log(0.6 / 0.4)),
        (Term(margin=False), np.log(0.6 / 0.4)),
        (Term(gain=False), 0.2),
        (Term(least_probability=0.5), 0.2 * np.log(0.6 / 0.5)),
    ):
        found = benchmark.pixel_nats(probabilities, labels, term)
        assert found[1, 0] == pytest.approx(nats, rel=1e-5) and np.count_nonzero(found) == 1
    right = benchmark.pixel_nats(probabilities, np.array([[0, 2]], np.int16), Term(margin=False))
    assert (right == 0).all()


def test_each_form_is_another_score() -> None:
    made, softmin = images(), np.random.default_rng(1).uniform(2e-3, 1, 30)
    softmin[:2] = 6e-4, 1.5e-3
    one = contradicted(made, softmin, np.zeros(30, bool))
    scores = {name: benchmark.score(one, form) for name, form in FORMS.items()}
    for name, found in scores.items():
        assert ((found > 0) & (found <= 1)).all()
        assert name == AS_IT_IS or not np.allclose(found, scores[AS_IT_IS], rtol=1e-6), name
    without = benchmark.score(one, Form(levels=(2,), softmin_power=0, usual_share=None))
    nats = one.nats[Term()].sum((1, 2))
    assert without == pytest.approx(1 / (1 + nats / 0.0015 / 8))


def test_gains_are_means_over_the_sets_with_their_intervals() -> None:
    rng = np.random.default_rng(2)
    sets = {}
    for name, seed in (("a", 0), ("b", 1)):
        wrong = rng.random(30) < 0.3
        # Softmin knows nothing, and twice over in one form
        sets[name] = contradicted(images(seed=seed), rng.uniform(0, 1, 30), wrong)
    found = benchmark.gains(sets, 50, 3)
    assert set(found) == set(FORMS) - {AS_IT_IS}
    for form, one in found.items():
        expected = [
            benchmark.average_precision(each.mislabelled, benchmark.score(each, FORMS[form]))
            - benchmark.average_precision(each.mislabelled, benchmark.score(each, FORMS[AS_IT_IS]))
            for each in sets.values()
        ]
        assert list(one["sets"].values()) == pytest.approx(expected)
        assert one["mean"] == pytest.approx(np.mean(expected))
        assert one["interval"][0] <= one["interval"][1]
    low, high = found["softmin^4"]["interval"]
    assert low < high


def test_what_an_audit_keeps_is_read_and_the_table_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source: Source = made_source(tmp_path / "rooms")
    with RunFolder(tmp_path / "run") as run:
        store = run.open_scores("abc", {"class_table": TABLE.to_dict(), "config": {"pooling": 1}})
    made, softmin = images(3), np.array([0.5, 0.6, 0.7])
    for sample_id, one in zip("abc", made, strict=True):
        store.write_compact(sample_id, *one)
    scored = {"ids": list("abc"), "pairs": pack_pairs([PairEvidence.none()] * 3), "scores": {"softmin": softmin}}
    store.write_shard("scores", 0, scored)
    given = tmp_path / "given"
    given.mkdir()
    for number in range(3):
        content = (source.folder / "masks" / f"{number}.png").read_bytes()
        (given / f"{number}.png").write_bytes(content)
    wrong = benchmark.read_labels(given / "0.png", TABLE)
    cv2.imwrite(str(given / "0.png"), np.where(wrong == 2, 1, np.maximum(wrong, 0)).astype(np.uint8))
    samples = [(sample_id, f"{number}.png", f"{number}.png") for number, sample_id in enumerate("abc")]
    one = NoisySet(source, "sparse", given, source.folder / "masks")
    found = benchmark.contradicted(one, Audited(store, samples), silent)
    assert found.mislabelled.tolist() == [True, False, False] and found.softmin.tolist() == [0.5, 0.6, 0.7]
    # What is kept is rounded to a byte
    expected = contradicted(made, softmin, found.mislabelled)
    assert found.nats[Term()] == pytest.approx(expected.nats[Term()], abs=0.02)
    for name in ("given", "agree"):
        assert np.abs(getattr(found, name) - getattr(expected, name)).sum() <= 2
    monkeypatch.setattr(benchmark, "of_each_set", lambda options, look: {"rooms sparse": found})
    figures = benchmark.run(argparse.Namespace(resamples=20, seed=1))
    assert set(figures["forms"]) == set(FORMS) - {AS_IT_IS} and set(figures["sets"]) == {"rooms sparse"}
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("| without ") for line in lines) == 9
    assert any(line.startswith("| as it is ") for line in lines)


def test_no_sets_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmark, "of_each_set", lambda options, look: {})
    with pytest.raises(SystemExit, match=r"no set has both right and wrong images\. Give --camvid or --nuclei"):
        benchmark.run(argparse.Namespace(resamples=20, seed=1))
