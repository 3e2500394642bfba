"""The benchmark of suspects: its domains, its errors, how it judges, and what its models may learn from."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from label_quality.plugin.base.progress import silent
from label_quality.plugin.labels.class_table import ClassTable
from label_quality.plugin.passes.kept import pack_pairs
from label_quality.plugin.scores.class_pair_evidence import PairEvidence, UsualEvidence
from label_quality.plugin.store.run_folder import RunFolder
from label_quality.plugin.suspects.probability import Lesson, SuspectModel
from label_quality.plugin.suspects.region_features import FEATURES

from benchmarks import audited_sets, suspect_judging, suspect_measures, suspect_sets, suspects
from benchmarks.domains import DOMAINS, Domain
from benchmarks.suspect_measures import Suspects
from benchmarks.suspect_sets import Habit, NoisySet, Source

COUNT = len(FEATURES)
TABLE = ClassTable.from_targets({0: "unlabelled", 1: "wall", 2: "door", 3: "floor"})


@pytest.mark.parametrize("name", DOMAINS)
def test_images_of_a_domain_are_the_same_each_time_and_have_all_classes(name: str) -> None:
    domain = DOMAINS[name]
    size = (domain.size[0] // 2, domain.size[1] // 2)
    made = [domain.render(domain.first_seed + number, size) for number in range(8)]
    for image, mask in made:
        assert image.shape == (*size, 3) and image.dtype == np.uint8
        assert mask.shape == size and mask.dtype == np.uint8
    assert set(np.unique([mask for _, mask in made])) == set(range(len(domain.classes)))
    again, _ = domain.render(domain.first_seed, size)
    assert (again == made[0][0]).all() and (again != made[1][0]).any()
    assert domain.unlabelled in domain.classes


def test_a_domain_is_written_once(tmp_path: Path) -> None:
    def render(seed: int, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        return np.full((*size, 3), (200, 100, seed), np.uint8), np.full(size, seed % 2, np.uint8)

    domain = Domain(("unlabelled", "wall"), "unlabelled", (6, 8), render, first_seed=10)
    domain.write(tmp_path, 3)
    assert json.loads((tmp_path / "classes.json").read_text()) == {"0": "unlabelled", "1": "wall"}
    assert [path.name for path in sorted((tmp_path / "masks").iterdir())] == [f"00000{n}.png" for n in range(3)]
    # RGB, as it is read
    assert cv2.imread(str(tmp_path / "images" / "000001.png"))[0, 0].tolist() == [11, 100, 200]
    assert cv2.imread(str(tmp_path / "masks" / "000001.png"), cv2.IMREAD_UNCHANGED).tolist() == [[1] * 8] * 6
    before = (tmp_path / "masks" / "000000.png").stat().st_mtime_ns
    domain.write(tmp_path, 3)
    assert (tmp_path / "masks" / "000000.png").stat().st_mtime_ns == before


def rooms() -> np.ndarray:
    """Doors of class 2 on a wall of class 1, above a floor."""
    labels = np.ones((40, 60), np.int16)
    labels[30:] = 3
    labels[10:30, 5:55:10] = labels[10:30, 6:55:10] = labels[10:30, 7:55:10] = 2
    labels[:3, :3] = 0
    labels[0, 59] = -1
    return labels


def test_sparse_errors_are_in_some_images_and_in_one_object() -> None:
    labels, rng = rooms(), np.random.default_rng(0)
    noisy = [suspect_sets.plant_sparse(labels, rng, TABLE) for _ in range(400)]
    wrong = [one for one in noisy if (one != labels).any()]
    assert 0.1 < len(wrong) / len(noisy) < 0.2
    assert all((one[labels < 0] == labels[labels < 0]).all() for one in wrong)
    assert (labels == rooms()).all()


def test_systematic_errors_are_of_the_classes_named_and_as_frequent_as_said() -> None:
    labels, rng = rooms(), np.random.default_rng(0)
    habits = [Habit("door", "wall", 0.3), Habit("floor", "unlabelled", 0.0)]
    noisy = [suspect_sets.plant_systematic(labels, rng, TABLE, habits) for _ in range(200)]
    assert (labels == rooms()).all()
    for one in noisy:
        changed = one != labels
        assert (labels[changed] == 2).all() and (one[changed] == 1).all()
        # All of a door, or nothing of it
        assert changed.sum() % 60 == 0
    assert np.mean([(one != labels).sum() / 300 for one in noisy]) == pytest.approx(0.3, abs=0.05)


def test_an_object_has_at_most_one_systematic_error_and_small_ones_have_none() -> None:
    habits = [Habit("door", "wall", 1.0), Habit("wall", "floor", 1.0)]
    noisy = suspect_sets.plant_systematic(rooms(), np.random.default_rng(0), TABLE, habits)
    assert (noisy[rooms() == 2] == 1).all() and (noisy[rooms() == 1] == 3).all()
    labels = np.zeros((100, 100), np.int16)
    labels[4, 4:13] = 2
    assert (suspect_sets.plant_systematic(labels, np.random.default_rng(0), TABLE, habits) == labels).all()


def test_the_habits_of_the_generated_domains_are_of_their_classes() -> None:
    for name, domain in DOMAINS.items():
        for habit in suspect_sets.HABITS[name]:
            assert {habit.true, habit.given} <= set(domain.classes) and habit.true != habit.given
            assert 0 < habit.share < 1


def made_source(folder: Path, domain: str = "rooms", images: int = 3) -> Source:
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    for number in range(images):
        cv2.imwrite(str(folder / "masks" / f"{number}.png"), np.maximum(rooms(), 0).astype(np.uint8))
        cv2.imwrite(str(folder / "images" / f"{number}.png"), np.full((40, 60, 3), 90, np.uint8))
    (folder / "classes.json").write_text(json.dumps(dict(zip(TABLE.ids, TABLE.names, strict=True))))
    return Source(domain, folder, "unlabelled")


def test_decoders_are_trained_for_what_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from label_quality.plugin.training.frozen_features import FrozenFeatures

    usual = FrozenFeatures.enough_steps, FrozenFeatures.most_passes
    # Undone at the end, whatever the benchmark sets
    monkeypatch.setattr(FrozenFeatures, "enough_steps", usual[0])
    monkeypatch.setattr(FrozenFeatures, "most_passes", usual[1])
    parser = argparse.ArgumentParser()
    audited_sets.add_set_arguments(parser)
    nothing = ["--images", "0", "--work", str(tmp_path)]
    for options, expected in (([], usual), (["--steps", "300"], (300, 3)), (["--passes", "9"], (300, 9))):
        assert suspects.measured_sets(parser.parse_args([*nothing, *options])) == {}
        assert (FrozenFeatures.enough_steps, FrozenFeatures.most_passes) == expected


@pytest.mark.parametrize(("options", "expected"), [([], True), (["--no-mirror"], False)])
def test_mirror_images_are_left_out_where_that_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], expected: bool
) -> None:
    one, audited = made_audit(tmp_path)
    content = {"store": str(audited.store.path.relative_to(tmp_path)), "samples": list(audited.samples)}
    asked: list[object] = []
    monkeypatch.setattr(audited_sets, "noisy_sets", lambda *_: [one])
    monkeypatch.setattr(audited_sets, "_started", lambda work: work)
    monkeypatch.setattr(audited_sets, "_audit", lambda *given: asked.append(given[-1]) or content)
    parser = argparse.ArgumentParser()
    audited_sets.add_set_arguments(parser)
    found = audited_sets.of_each_set(
        parser.parse_args(["--work", str(tmp_path), *options]), lambda _, audited, *__: audited.samples
    )
    assert found == {one.name: audited.samples} and asked == [expected]


def test_sets_are_of_the_domains_and_of_what_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def render(seed: int, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        return np.zeros((*size, 3), np.uint8), np.maximum(rooms(), 0).astype(np.uint8)

    monkeypatch.setattr(suspect_sets, "DOMAINS", {"rooms": Domain(TABLE.names, "unlabelled", (40, 60), render)})
    habits = {"rooms": [Habit("door", "wall", 1.0)], "camvid": [Habit("wall", "floor", 1.0)]}
    monkeypatch.setattr(suspect_sets, "HABITS", habits)
    camvid, nuclei = (made_source(tmp_path / name).folder for name in ("c", "n"))
    before = {path: path.read_bytes() for path in camvid.rglob("*.*")}
    made = suspect_sets.noisy_sets(tmp_path / "work", 4, camvid, nuclei, 51, silent)
    assert [one.name for one in made] == [
        *("rooms sparse", "rooms systematic", "camvid sparse", "camvid systematic", "nuclei corrected"),
    ]
    assert [one.source.blocks for one in made] == [False, False, True, True, False]
    assert made[-1].true == nuclei / "corrected" and made[-1].given == nuclei / "masks"
    for one, given in ((made[1], 1), (made[3], 2)):
        (first, *_) = sorted(one.given.iterdir())
        assert (suspect_sets.read_labels(first, one.source.table)[rooms() == 2] == given).all()
        assert (suspect_sets.read_labels(one.true / first.name, one.source.table)[rooms() == 2] == 2).all()
    assert {path: path.read_bytes() for path in camvid.rglob("*.*")} == before
    assert len(list(made[0].given.iterdir())) == 4
    stamp = first.stat().st_mtime_ns
    suspect_sets.noisy_sets(tmp_path / "work", 4, camvid, None, 51, silent)
    assert first.stat().st_mtime_ns == stamp


def made_audit(folder: Path) -> tuple[NoisySet, audited_sets.Audited]:
    """Three images whose model sees what is right; in the first the leftmost door is given as wall."""
    source = made_source(folder / "rooms")
    given = folder / "given"
    given.mkdir()
    right = np.maximum(rooms(), 0)
    for number in range(3):
        mask = right.copy()
        if number == 0:
            mask[10:30, 5:8] = 1
        cv2.imwrite(str(given / f"{number}.png"), mask.astype(np.uint8))
    probabilities = np.full((4, 40, 60), 0.05, np.float32)
    np.put_along_axis(probabilities, right[None].astype(np.int64), np.float32(0.85), axis=0)
    with RunFolder(folder / "run") as run:
        store = run.open_scores("abc", {"class_table": TABLE.to_dict(), "config": {"pooling": 1}})
    for sample_id in "abc":
        store.write_compact(sample_id, probabilities, np.zeros((40, 60), np.int16))
    store.write_shard("usual", 0, UsualEvidence(4).usual().to_dict())
    pairs = [PairEvidence.none()] * 3
    scored = {"ids": list("abc"), "pairs": pack_pairs(pairs), "scores": {"softmin": np.array([0.5, 0.6, 0.7])}}
    store.write_shard("scores", 0, scored)
    samples = [(sample_id, f"{number}.png", f"{number}.png") for number, sample_id in enumerate("abc")]
    made = NoisySet(source, "sparse", given, source.folder / "masks")
    return made, audited_sets.Audited(store, samples)


def test_suspects_are_measured_with_what_is_wrong_and_once(tmp_path: Path) -> None:
    one, audited = made_audit(tmp_path)
    found = suspect_measures.measure(one, audited, tmp_path / "measures", 51, silent)
    assert found.images == 3
    assert (found.image.tolist(), found.wrong.tolist(), found.right.tolist()) == ([0], [1.0], [1.0])
    assert found.features.shape == (1, COUNT)
    assert found.features[0, FEATURES.index("area")] == pytest.approx(np.log(60 / 2400))
    assert found.mislabelled.tolist() == [True, False, False] and found.softmin.tolist() == [0.5, 0.6, 0.7]
    assert (found.evidence > 0.4).all()
    # The planted errors alone count as planted, and the one that was there not
    assert found.planted_features.shape == (len(found.planted_wrong), COUNT) and (found.planted_wrong == 0).any()
    assert (found.planted_wrong >= 0.5).sum() >= 3
    reached = []
    again = suspect_measures.measure(one, audited, tmp_path / "measures", 51, lambda *done: reached.append(done))
    assert not reached and (again.features == found.features).all() and again.images == 3


def test_measures_are_made_anew_where_the_code_or_the_seed_is_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, audited = made_audit(tmp_path)
    for seed in (51, 52):
        suspect_measures.measure(one, audited, tmp_path / "measures", seed, silent)
    assert len(list((tmp_path / "measures").iterdir())) == 2
    monkeypatch.setattr(suspect_measures, "_CODE", ("another",))
    suspect_measures.measure(one, audited, tmp_path / "measures", 51, silent)
    assert len(list((tmp_path / "measures").iterdir())) == 3


def test_a_finished_audit_needs_no_database(tmp_path: Path) -> None:
    one, audited = made_audit(tmp_path)
    (tmp_path / "audits").mkdir()
    content = {"store": str(audited.store.path.relative_to(tmp_path)), "samples": list(audited.samples)}
    (tmp_path / "audits" / "rooms-sparse.json").write_text(json.dumps(content))
    found = audited_sets.audit(one, tmp_path, lambda: pytest.fail("the database was started"), silent)
    assert found.samples == audited.samples and found.store.path == audited.store.path
    content["store"] = "nowhere"
    (tmp_path / "audits" / "rooms-sparse.json").write_text(json.dumps(content))
    with pytest.raises(SystemExit, match="the files of the audit of rooms sparse are gone"):
        audited_sets.audit(one, tmp_path, lambda: None, silent)


def made_suspects(wrong: list[float], feature: list[float] | None = None, images: int = 0, **columns: list) -> Suspects:
    """Suspects, one an image, with a value of the first feature; the others are 0."""
    features = np.zeros((len(wrong), COUNT))
    features[:, 0] = feature or [0.0] * len(wrong)
    planted = columns.get("planted", [])
    return Suspects(
        images=images or len(wrong),
        features=features,
        similarity=np.array(columns.get("similarity", [np.nan] * len(wrong)), np.float64),
        descriptors=np.full((len(wrong), 2), np.nan),
        given=np.array(columns.get("given", [0] * len(wrong)), np.int64),
        suggested=np.array(columns.get("suggested", [1] * len(wrong)), np.int64),
        image=np.arange(len(wrong)),
        box=np.tile([0, 0, 1, 1], (len(wrong), 1)),
        wrong=np.array(wrong, np.float64),
        right=np.array(columns.get("right", [0.0] * len(wrong)), np.float64),
        planted_features=np.zeros((len(planted), COUNT)),
        planted_wrong=np.array(planted, np.float64),
        mislabelled=np.array(columns.get("mislabelled", [False] * (images or len(wrong))), bool),
        evidence=np.array(columns.get("evidence", [1.0] * (images or len(wrong))), np.float64),
        softmin=np.full(images or len(wrong), 0.5),
    )


def test_an_order_is_judged_by_where_real_suspects_are() -> None:
    """Real, half real (which counts), a tenth (which does not), false, real."""
    found = made_suspects([1.0, 0.5, 0.1, 0.0, 0.9])
    judged = suspect_judging.judge_order(found, np.array([5.0, 3.0, 4.0, 2.0, 1.0]), 200, 0)
    # Real, false, real, false, real
    assert judged["ap"] == pytest.approx((1 + 2 / 3 + 3 / 5) / 3)
    low, high = judged["interval"]
    assert 0 < low < judged["ap"] < high <= 1
    assert judged["top"] == {"20": 0.6, "50": 0.6, "100": 0.6}
    many = made_suspects([1.0] * 10 + [0.0] * 90)
    top = suspect_judging.judge_order(many, -np.arange(100.0), 10, 0)["top"]
    assert top == {"20": 0.5, "50": 0.2, "100": 0.1}


@pytest.mark.parametrize("wrong", [[1.0, 1.0], [0.0, 0.0], []])
def test_where_all_or_none_are_real_there_is_no_average_precision(wrong: list[float]) -> None:
    judged = suspect_judging.judge_order(made_suspects(wrong, images=3), np.arange(len(wrong), dtype=float), 10, 0)
    assert judged["ap"] is None and judged["interval"] is None
    assert judged["top"]["20"] == (wrong[0] if wrong else None)


def test_intervals_are_over_images() -> None:
    """A hundred suspects of one image say no more than one: where the image is drawn, all of them are."""
    together = made_suspects([1.0] * 50 + [0.0] * 50, images=100)
    one_image = Suspects(**{**vars(together), "image": np.zeros(100, np.int64)})
    score = np.random.default_rng(0).normal(size=100)
    spread = [np.ptp(suspect_judging.judge_order(one, score, 300, 0)["interval"]) for one in (together, one_image)]
    assert spread[0] > 0.1 and spread[1] == pytest.approx(0, abs=1e-9)


def test_probable_suspects_are_judged_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    probable = np.array([0.95, 0.85, 0.5, 0.3, 0.05])
    monkeypatch.setattr(suspect_judging, "probabilities", lambda scores: probable)
    found = made_suspects([1.0, 0.0, 0.6, 1.0, 0.0], right=[1.0, 1.0, 0.4, 1.0, 0.0])
    judged = suspect_judging.judge_probability(found, np.zeros(5))
    assert (judged["number"], judged["precision"], judged["recall"]) == (3, 2 / 3, 2 / 3)
    # Of the two real ones among the three
    assert judged["right_class"] == 0.5
    assert judged["true_rate"] == 0.6 and 0 < judged["rate"] < 1
    assert judged["ece"] == pytest.approx((0.05 + 0.85 + 0.5 + 0.7 + 0.05) / 5)
    # Each alone in its bin: of p, |p - 1| with probability p and p otherwise, 2 p (1 - p) on average
    assert judged["chance"] == pytest.approx(2 * (probable * (1 - probable)).mean(), abs=0.03)


def test_images_are_judged_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four images, two suspects in the first, none in the last; the first and the third are mislabelled."""
    monkeypatch.setattr(suspect_judging, "probabilities", lambda scores: np.array([0.5, 0.5, 0.6, 0.9]))
    found = made_suspects([1.0] * 4, images=4, mislabelled=[1, 0, 1, 0], evidence=[0.9, 0.4, 0.1, 0.5])
    found = Suspects(**{**vars(found), "image": np.array([0, 0, 1, 2])})
    judged = suspect_judging.judge_images(found, np.zeros(4), 50, 0)
    # Qualities of 0.25, 0.4, 0.1 and 1, so the two come first; by evidence the first comes last
    assert (judged["suspects"]["auroc"], judged["suspects"]["auprc"], judged["suspects"]["lift"]) == (1, 1, 2)
    assert (judged["evidence"]["auroc"], judged["evidence"]["lift"]) == (0.5, 1)
    assert judged["evidence"]["auprc"] == pytest.approx((1 + 2 / 4) / 2)
    # 0.575, 0.4, 0.1, 0.75
    assert judged["evidence and suspects"]["auprc"] == pytest.approx((1 + 2 / 3) / 2)
    assert judged["softmin"]["auroc"] == 0.5
    assert set(suspect_judging.judge_images(found, None, 50, 0)) == {"evidence", "softmin"}
    assert suspect_judging.judge_images(made_suspects([1.0]), np.zeros(1), 50, 0) == {}


def test_the_reliability_of_probabilities() -> None:
    bins = suspect_judging.reliability(
        np.array([0.0, 0.09, 0.1, 0.95, 1.0]), np.array([False, True, False, True, True])
    )
    assert bins == [
        {"mean": pytest.approx(0.045), "real": 0.5, "count": 2},
        {"mean": pytest.approx(0.1), "real": 0.0, "count": 1},
        {"mean": pytest.approx(0.975), "real": 1.0, "count": 2},
    ]
    assert suspect_judging.calibration_error(bins) == pytest.approx((2 * 0.455 + 0.1 + 2 * 0.025) / 5)
    assert suspect_judging.reliability(np.zeros(0), np.zeros(0, bool)) == []
    assert suspect_judging.calibration_error([]) is None


def test_what_is_neither_real_nor_false_is_not_learnt_and_planted_errors_are() -> None:
    found = made_suspects([0.0] * 10 + [0.3] * 5, planted=[1.0, 0.5, 0.4], similarity=[0.25] * 15)
    assert suspect_judging.teaches(found)
    learnt = suspect_judging.lessons_of(found)
    assert learnt.features.shape == (12, COUNT) and learnt.mistakes.tolist() == [False] * 10 + [True] * 2
    # Planted ones say nothing of the similarity of mistakes that are repeated
    assert learnt.similarity == pytest.approx([0.25] * 10 + [np.nan] * 2, nan_ok=True)
    assert not suspect_judging.teaches(made_suspects([0.0] * 9, planted=[1.0]))
    assert not suspect_judging.teaches(made_suspects([0.0] * 20, planted=[0.2]))


def lesson(sign: float, count: int = 40) -> Suspects:
    """A set in which the first feature tells real suspects, in a direction."""
    wrong = [1.0, 0.0] * (count // 2)
    noise = np.random.default_rng(0).normal(size=count)
    return made_suspects(wrong, (sign * (np.array(wrong) - 0.5) * 2 + noise).tolist())


def test_a_model_never_learns_from_the_domain_that_it_judges(monkeypatch: pytest.MonkeyPatch) -> None:
    sets = {"a sparse": lesson(1), "a systematic": lesson(1, 60), "b sparse": lesson(-1), "c sparse": lesson(1, 80)}
    sets["d sparse"] = made_suspects([1.0] * 50)
    used: list[list[int]] = []

    def fit(lessons: list[Lesson], penalty: float) -> SuspectModel:
        used.append([len(one.mistakes) for one in lessons])
        return SuspectModel(np.zeros(COUNT), np.ones(COUNT), np.zeros(COUNT), 0.0)

    monkeypatch.setattr(suspect_judging, "fit_model", fit)
    for name in sets:
        suspects.judge_set(name, sets, 0.1, range(COUNT), 10, 0)
    # The sets of a domain are learnt from together; d teaches nothing
    assert used == [[40, 80], [40, 80], [100, 80], [100, 40], [100, 40, 80]]


def test_a_model_is_judged_by_what_others_taught_it() -> None:
    sets = {"a sparse": lesson(1), "b sparse": lesson(-1)}
    found = suspects.precisions(sets, 1.0, range(COUNT))
    # Each has learnt that it is the other way round
    assert max(found["a sparse"] or 1, found["b sparse"] or 1) < 0.4
    assert suspects.precisions({"a sparse": lesson(1)}, 1.0, range(COUNT)) == {"a sparse": None}
    judged = suspects.judge_set("a sparse", {"a sparse": lesson(1)}, 1.0, range(COUNT), 10, 0)
    assert "probability" not in judged["orders"] and judged["orders"]["evidence"]["ap"] > 0.6


def test_features_that_are_left_out_are_not_used() -> None:
    sets = {"a sparse": lesson(1), "b sparse": lesson(1)}
    columns = suspect_judging.columns_without(["evidence"])
    assert len(columns) == COUNT and 0 not in columns and columns[-1] == suspect_measures.SIMILARITY
    model = suspect_judging.learn(sets, 1.0, "a", columns)
    assert model is not None and model.weights.shape == (COUNT - 1,)
    assert np.ptp(suspect_judging.log_odds(model, sets["a sparse"], columns)) == pytest.approx(0, abs=1e-6)
    changes = suspects.ablation(sets, 1.0)
    assert list(changes) == list(suspect_judging.GROUPS)
    assert (changes["evidence"]["a sparse"] or 0) < -0.2 and changes["shape"]["a sparse"] == pytest.approx(0, abs=1e-6)


def test_similarity_is_left_out_where_it_is_not_a_column() -> None:
    sets = {name: made_suspects([1.0, 0.0] * 20, similarity=[0.5, -0.5, 0.4, 0.6] * 10) for name in ("a x", "b x")}
    model = suspect_judging.learn(sets, 1.0, "a")
    assert model is not None and model.similarity[0] > 0
    # Ten false ones come first, then twenty real ones in two steps
    with_all = suspects.precisions(sets, 1.0, suspect_judging.columns_without([]))["a x"]
    assert with_all == pytest.approx(10 / 20 * 10 / 20 + 10 / 20 * 20 / 30)
    without = suspect_judging.learn(sets, 1.0, "a", suspect_judging.columns_without(["similarity"]))
    assert without is not None and without.similarity == (0, 0) and without.weights.shape == (COUNT,)
    assert suspects.ablation(sets, 1.0)["similarity"]["a x"] == pytest.approx(0.5 - with_all)


def test_the_share_of_real_suspects_is_printed_by_how_probable_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    probability = np.array([0.02, 0.04, 0.55, 0.95, 1.0])
    bins = suspect_judging.reliability(probability, np.array([False, True, True, True, False]))
    suspects.print_reliability({"a sparse": {"orders": {"probability": {"reliability": bins}}}, "b x": {"orders": {}}})
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in capsys.readouterr().out.splitlines()[2:]]
    assert rows[1][1:3] == ["0.0–0.1", "0.1–0.2"] and rows[1][-1] == "0.9–1.0"
    assert rows[3] == ["a sparse", "0.50 of 2", *["–"] * 4, "1.00 of 1", *["–"] * 3, "0.50 of 2"]
    assert rows[4] == ["b x", *["–"] * 10]


def test_every_column_is_in_one_group() -> None:
    names = [name for group in suspect_judging.GROUPS.values() for name in group]
    assert sorted(names) == sorted(suspect_judging.COLUMNS)
    assert suspect_judging.COLUMNS[suspect_measures.SIMILARITY] == "similarity"


def test_weights_are_written_as_they_are_read(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    model = SuspectModel(rng.normal(size=COUNT), rng.uniform(1, 2, COUNT), rng.normal(size=COUNT), 1 / 3, (2 / 3, 1.0))
    text = suspects.weights_text(model)
    assert len(text.splitlines()) == COUNT + 6 and '\n "intercept": 0.333333,\n' in text
    again = SuspectModel.from_dict(json.loads(text))
    assert again.weights == pytest.approx(model.weights, abs=1e-6)
    assert again.similarity == (0.666667, 1.0)
    assert suspects.weights_text(again) == text


def parsed(*options: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    suspects.add_arguments(parser)
    return parser.parse_args(options)


def test_the_command_prints_its_tables_and_writes_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sets = {"a sparse": lesson(1), "b sparse": lesson(1), "c sparse": made_suspects([1.0] * 3)}
    monkeypatch.setattr(suspects, "measured_sets", lambda options: sets)
    monkeypatch.setattr(suspects, "_WEIGHTS", tmp_path / "weights.json")
    options = parsed("--resamples", "20", "--inverse-penalty", "0.1", "1", "--ablate", "--write")
    figures = json.loads(json.dumps(suspects.run(options), allow_nan=False))
    assert list(figures["sets"]) == list(sets) and list(figures["penalties"]) == ["0.1", "1"]
    assert list(figures["sets"]["a sparse"]["orders"]) == ["evidence", "probability"]
    assert [figures["sets"][name]["teaches"] for name in sets] == [True, True, False]
    assert list(figures["written"]) == ["written"]
    printed = capsys.readouterr().out
    assert "| c sparse | evidence    | 3        | 3          | 1.000  | –                    | 1.00   |" in printed
    assert "\n| without         | a sparse   | b sparse   | mean   |\n" in printed
    weights = SuspectModel.from_dict(json.loads((tmp_path / "weights.json").read_text()))
    assert weights.weights[0] > 0
    figures = suspects.run(parsed("--resamples", "20", "--write"))
    assert list(figures["written"]) == ["before", "written"]
    assert "shipped weights" in figures["sets"]["a sparse"]["orders"]


def test_weights_of_fewer_features_are_not_written() -> None:
    with pytest.raises(SystemExit, match="--write needs all features, but --without leaves some out"):
        suspects.run(parsed("--write", "--without", "area"))


def test_weights_need_something_to_learn_from(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(suspects, "measured_sets", lambda options: {"c sparse": made_suspects([1.0] * 3)})
    monkeypatch.setattr(suspects, "_WEIGHTS", tmp_path / "weights.json")
    with pytest.raises(SystemExit, match="no set has enough false suspects to learn from"):
        suspects.run(parsed("--write", "--resamples", "5"))
    assert not (tmp_path / "weights.json").exists()


def test_an_error_of_the_engine_ends_the_command(tmp_path: Path) -> None:
    (tmp_path / "masks").mkdir()
    with pytest.raises(SystemExit, match="error: "):
        suspects.run(parsed("--images", "1", "--camvid", str(tmp_path), "--work", str(tmp_path / "work")))


def test_a_folder_without_masks_is_said(tmp_path: Path) -> None:
    source = made_source(tmp_path / "rooms", images=0)
    with pytest.raises(SystemExit, match=r"error: Expected masks \(\*.png\) in .*masks, but there are none"):
        suspects.run(parsed("--images", "1", "--camvid", str(source.folder), "--work", str(tmp_path / "work")))
