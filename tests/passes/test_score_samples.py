"""The two passes over a dataset: against the scores of single images, resumed, in threads, with bad samples."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

IDS = [0, 3, 7, 20]
Open = Callable[..., Any]


def write_probabilities(dataset: Any, folder: Path, seed: int = 0) -> None:
    """Fills the field ``probabilities``: the given masks, blurred, with noise, and wrong in every fifth image."""
    rng = np.random.default_rng(seed)
    folder.mkdir(exist_ok=True)
    paths = []
    for number, mask in enumerate(dataset.values("ground_truth.mask_path")):
        labels = cv2.imread(mask, cv2.IMREAD_UNCHANGED)
        labels = np.roll(labels, 5 * (number % 5 == 0), axis=1)
        soft = np.stack([cv2.GaussianBlur((labels == value).astype(np.float32), (0, 0), 2) for value in IDS])
        soft += 0.2 * rng.random(soft.shape, dtype=np.float32)
        paths.append(str(folder / f"{number:03d}.npy"))
        np.save(paths[-1], soft / soft.sum(axis=0))
    dataset.set_values("probabilities", paths)


@pytest.fixture
def scored(make_dataset: Any, tmp_path: Path) -> Any:
    """36 samples of three sizes, none a multiple of the pooling, and their files of probabilities."""
    dataset = make_dataset(count=36, sizes=((24, 32), (21, 35), (30, 26)))
    write_probabilities(dataset, tmp_path / "probabilities")
    return dataset


@pytest.fixture
def displaced(scored: Any) -> Any:
    """The same, with the masks of every sixth image moved two pixels to the right."""
    for path in scored.values("ground_truth.mask_path")[3::6]:
        cv2.imwrite(path, np.roll(cv2.imread(path, cv2.IMREAD_UNCHANGED), 2, axis=1))
    return scored


@pytest.fixture
def open_scoring(tmp_path: Path) -> Open:
    """``open_scoring(dataset, folder="a", skip_failures=False, **parameters of ScoreConfig)`` gives a `Scoring`."""
    from label_quality.plugin.passes.score_samples import Scoring
    from label_quality.plugin.predictions.config import FilesSource
    from label_quality.plugin.predictions.open_files import open_files
    from label_quality.plugin.samples.inputs import open_samples
    from label_quality.plugin.scores.config import ScoreConfig
    from label_quality.plugin.store.run_folder import RunFolder

    def opened(
        dataset: Any, folder: str = "a", skip_failures: bool = False, field: str = "probabilities", **params: Any
    ):
        samples = open_samples(dataset, "ground_truth", skip_failures=skip_failures)
        reader = open_files(samples, FilesSource(field=field))
        with RunFolder(tmp_path / "runs" / folder) as run:
            store = run.open_scores("abc")
        return Scoring(samples, reader, ScoreConfig.from_params(params), store, skip_failures)

    return opened


def silent(stage: str, done: int, total: int) -> None:
    pass


def joined(scoring: Any, group: str) -> dict[str, np.ndarray]:
    from label_quality.plugin.scores.results import ResultRows

    return dict(getattr(ResultRows.joined(list(scoring.rows())), group))


def files(scoring: Any) -> dict[str, bytes]:
    """The content of all files of a store but its manifest, which has a date."""
    root = scoring.store.path
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.name != "manifest.json"
    }


def test_every_score_is_that_of_the_image_alone(scored: Any, open_scoring: Open) -> None:
    from label_quality.plugin.scores.image_scores import score_image

    scoring = open_scoring(scored)
    scoring.run(silent)
    found, per_class = joined(scoring, "scores"), joined(scoring, "per_class")
    for index, sample_id in enumerate(scoring.samples.ids):
        labels = scoring.samples.load_labels(index)
        expected = score_image(scoring.reader.read(sample_id, labels.shape).values, labels, scoring.config)
        for name in ("ccp", "tccp", "cil", "iou", "coco", "softmin"):
            assert found[name][index] == getattr(expected, name), name
        for name in ("ccp", "cil", "softmin", "iou"):
            np.testing.assert_array_equal(per_class[name][index], expected.per_class[name])
        heatmap = cv2.imread(str(scoring.store.file("heatmaps", sample_id)), cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(heatmap, expected.heatmap)
        mask = cv2.imread(str(scoring.store.file("masks", sample_id)), cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(mask, np.array(IDS)[expected.prediction])


@pytest.mark.parametrize("rule", ["joint", "cleanlab"])
def test_flags_are_those_of_confident_learning_over_all_images(scored: Any, open_scoring: Open, rule: str) -> None:
    from label_quality.plugin.scores.confident_learning import counts_score, learn

    scoring = open_scoring(scored, clc_rule=rule)
    reduction = scoring.run(silent)
    images = [scoring.store.read_pooled(sample_id) for sample_id in scoring.samples.ids]
    learned = learn(images, 4, rule)
    np.testing.assert_array_equal(reduction.thresholds, learned.thresholds)
    np.testing.assert_array_equal(reduction.joint, learned.joint.counts)
    flags = [learned.flags(*image) for image in images]
    assert reduction.flagged == sum(int(one.sum()) for one in flags) > 0
    assert reduction.pixels == sum(labels.size for _, labels in images)
    expected = [counts_score(one, labels) for one, (_, labels) in zip(flags, images, strict=True)]
    np.testing.assert_array_equal(joined(scoring, "scores")["clc"], expected)
    first = cv2.imread(str(scoring.store.file("flags", scoring.samples.ids[0])), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(first, 255 * flags[0].repeat(4, 0).repeat(4, 1)[:24, :32].astype(np.uint8))


def test_without_pooling_flags_are_of_single_pixels(scored: Any, open_scoring: Open) -> None:
    scoring = open_scoring(scored, pooling=1)
    reduction = scoring.run(silent)
    assert reduction.pixels == sum(scoring.samples.load_labels(index).size for index in range(36))
    flags = [cv2.imread(str(scoring.store.file("flags", one)), cv2.IMREAD_UNCHANGED) for one in scoring.samples.ids]
    assert reduction.flagged == sum(int((one == 255).sum()) for one in flags) > 0


def test_ignored_pixels_are_never_flagged(scored: Any, open_scoring: Open) -> None:
    """The other pixels of their blocks are."""
    for path in scored.values("ground_truth.mask_path"):
        mask = cv2.imread(path, cv2.IMREAD_UNCHANGED)
        mask[::4] = 255
        cv2.imwrite(path, mask)
    scoring = open_scoring(scored)
    scoring.samples.unknown = "ignore"
    assert scoring.run(silent).flagged > 50
    for sample_id in scoring.samples.ids:
        flags = cv2.imread(str(scoring.store.file("flags", sample_id)), cv2.IMREAD_UNCHANGED)
        assert not flags[::4].any()
        np.testing.assert_array_equal(flags[2::4], flags[1 : 1 + 4 * len(flags[2::4]) : 4])


def test_sums_that_version_0_1_0_kept_are_taken_up(scored: Any, open_scoring: Open) -> None:
    scoring = open_scoring(scored)
    expected = scoring.run(silent).thresholds
    for shard in range(3):
        row = scoring.store.read_shard("scores", shard)
        row["sums"] = row.pop("steps") / 2**32
        scoring.store.write_shard("scores", shard, row)
    scoring.store.discard_shard("reduced", 0)
    assert scoring.run(silent).thresholds.tobytes() == expected.tobytes()


@pytest.mark.parametrize("rule", ["joint", "cleanlab"])
def test_results_do_not_depend_on_the_number_of_threads(scored: Any, open_scoring: Open, rule: str) -> None:
    one, four = (open_scoring(scored, str(workers), workers=workers, clc_rule=rule) for workers in (1, 4))
    first, second = one.run(silent), four.run(silent)
    assert files(one) == files(four)
    for name, value in vars(first).items():
        np.testing.assert_array_equal(value, getattr(second, name))
    for name, values in joined(one, "scores").items():
        np.testing.assert_array_equal(joined(four, "scores")[name], values)


def test_what_is_in_the_store_is_not_computed_again(scored: Any, open_scoring: Open) -> None:
    scoring = open_scoring(scored)
    first = scoring.run(silent)
    stages: list[str] = []
    second = scoring.run(lambda stage, done, total: stages.append(stage))
    assert stages == []
    for name, value in vars(first).items():
        np.testing.assert_array_equal(value, getattr(second, name))


def test_a_pass_goes_on_where_it_was(scored: Any, open_scoring: Open) -> None:
    undisturbed, stopped = (open_scoring(scored, name, clc_rule="joint") for name in ("undisturbed", "stopped"))
    undisturbed.run(silent)
    stopped.run(silent)
    for stage, shard in (("scores", 1), ("flags", 1), ("flags", 2), ("reduced", 0)):
        stopped.store.discard_shard(stage, shard)
    reports: list[tuple[str, int, int]] = []
    stopped.run(lambda *report: reports.append(report))
    assert reports == [("Scoring", 36, 36), ("Flagging pixels", 32, 36), ("Flagging pixels", 36, 36)]
    assert files(stopped) == files(undisturbed)


def test_a_damaged_file_between_the_passes_is_named_and_made_again(scored: Any, open_scoring: Open) -> None:
    from label_quality.plugin.base.errors import SampleError

    undisturbed, damaged = open_scoring(scored, "undisturbed"), open_scoring(scored, "damaged")
    undisturbed.run(silent)
    damaged.run(silent)
    for shard in (1, 2):
        damaged.store.discard_shard("flags", shard)
    damaged.store.discard_shard("reduced", 0)
    victim = damaged.store.file("pooled", damaged.samples.ids[20])
    victim.write_bytes(victim.read_bytes()[:-9])
    with pytest.raises(SampleError, match=r"sample .* \(.*pooled.*Expected a whole file of this run") as error:
        damaged.run(silent)
    assert error.value.sample_id == damaged.samples.ids[20]
    damaged.run(silent)
    assert files(damaged) == files(undisturbed)


def test_only_what_is_asked_for_is_computed(scored: Any, open_scoring: Open) -> None:
    scoring = open_scoring(scored, scores=("cil", "iou"), per_class=False)
    assert scoring.run(silent) is None
    assert set(joined(scoring, "scores")) == {"cil", "iou"}
    assert joined(scoring, "per_class") == {}
    assert not any(name.startswith(("pooled", "compact", "flags")) for name in files(scoring))


def test_bad_samples_are_left_out_of_everything(scored: Any, open_scoring: Open) -> None:
    from label_quality.plugin.base.errors import SampleError

    bad = scored.values("id")[20]
    path = Path(scored[bad].probabilities)
    np.save(path, np.load(path) * np.float32(0.5))
    with pytest.raises(SampleError, match=rf"sample {bad} \({path}\): Expected the classes' probabilities to sum to 1"):
        open_scoring(scored, "strict").run(silent)
    skipping = open_scoring(scored, "skipping", skip_failures=True)
    reduction = skipping.run(silent)
    scored_samples, failures = skipping.outcome()
    assert (scored_samples, [failure["sample_id"] for failure in failures]) == (35, [bad])
    assert [one for row in skipping.rows() for one in row.ids] == [one for one in scored.values("id") if one != bad]
    without = open_scoring(scored.exclude(bad), "without")
    expected = without.run(silent)
    for name, value in vars(expected).items():
        np.testing.assert_array_equal(getattr(reduction, name), value)
    for name, values in joined(without, "scores").items():
        np.testing.assert_array_equal(joined(skipping, "scores")[name], values)
    assert not any(bad in name for name in files(skipping))


def test_predicted_masks_may_hold_ignored_values(fiftyone: Any, make_dataset: Any, open_scoring: Open) -> None:
    """A pixel that is predicted to be nothing agrees with no label, and is saved as a value that is no class."""
    dataset = make_dataset(count=2)
    mask = np.full((24, 32), 3, np.uint8)
    mask[:6] = 255
    for sample in dataset:
        sample["ground_truth"] = fiftyone.Segmentation(mask=np.full((24, 32), 3, np.uint8))
        sample["predicted"] = fiftyone.Segmentation(mask=mask)
        sample.save()
    scoring = open_scoring(dataset, field="predicted", skip_failures=True)
    scoring.samples.unknown = scoring.reader.predicted.unknown = "ignore"
    assert scoring.missing_scores == ("tccp", "cil", "clc", "coco", "softmin", "evidence")
    assert scoring.run(silent) is None
    assert joined(scoring, "scores")["ccp"].tolist() == [0.75, 0.75]
    saved = cv2.imread(str(scoring.store.file("masks", scoring.samples.ids[0])), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(saved, mask)


def test_evidence_is_relative_to_what_is_usual_in_all_images(displaced: Any, open_scoring: Open) -> None:
    from label_quality.plugin.scores.class_pair_evidence import UsualEvidence, evidence_score, pair_evidence
    from label_quality.plugin.scores.displaced_edges import FitCounts, displacement, edge_fit
    from label_quality.plugin.scores.image_scores import score_image

    scoring = open_scoring(displaced, scores=("evidence", "cil"))
    without = open_scoring(displaced, "without", scores=("evidence", "cil"), displaced_edges=False)
    scoring.run(silent)
    without.run(silent)
    images, softmins, usual, fits, usual_fit = [], [], UsualEvidence(4), [], FitCounts(4)
    for index, sample_id in enumerate(scoring.samples.ids):
        labels = scoring.samples.load_labels(index)
        probabilities = scoring.reader.read(sample_id, labels.shape).values
        every = score_image(probabilities, labels, scoring.config.from_params({"scores": ("softmin", "evidence")}))
        pooled = every.pooled_probabilities.astype(np.float16).astype(np.float32)
        images.append(pair_evidence(pooled, every.pooled_labels))
        softmins.append(every.softmin)
        usual.update(images[-1])
        fits.append(edge_fit(scoring.samples[index].load_image(), probabilities, labels))
        usual_fit.update(fits[-1])
    expected = [evidence_score(pairs, usual.usual(), low) for pairs, low in zip(images, softmins, strict=True)]
    np.testing.assert_array_equal(joined(without, "scores")["evidence"], expected)
    moved = [displacement(fit, usual_fit.usual()) for fit in fits]
    assert sum(one > 0 for one in moved[3::6]) > 3
    every = zip(images, softmins, moved, strict=True)
    with_edges = [evidence_score(pairs, usual.usual(), low, more) for pairs, low, more in every]
    np.testing.assert_array_equal(joined(scoring, "scores")["evidence"], with_edges)
    assert len(set(expected)) > 10 and np.argmin(expected) % 5 == 0


def test_an_audit_computes_evidence_once_an_image(scored: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from label_quality.plugin.audit import audit_labels
    from label_quality.plugin.passes import score_samples

    computed, of_image = [], score_samples.evidence_score

    def counted(*arguments: Any) -> float:
        computed.append(of_image(*arguments))
        return computed[-1]

    monkeypatch.setattr(score_samples, "evidence_score", counted)
    audit_labels(scored, "ground_truth", source="files", field="probabilities", output_dir=str(tmp_path / "runs"))
    assert computed == scored.values("lq_evidence") and len(computed) == 36


def test_evidence_does_not_depend_on_the_order_of_the_samples(scored: Any, open_scoring: Open) -> None:
    orders = scored, scored.sort_by("id", reverse=True)
    forward, backward = (
        open_scoring(view, name, scores=("evidence",)) for name, view in zip("ab", orders, strict=True)
    )
    forward.run(silent)
    backward.run(silent)
    assert list(backward.samples.ids) == list(forward.samples.ids)[::-1]
    found, reverse = (joined(scoring, "scores")["evidence"] for scoring in (forward, backward))
    assert found.tobytes() == reverse[::-1].tobytes()


def test_evidence_alone_is_the_evidence_among_all_scores(scored: Any, open_scoring: Open) -> None:
    """What it is made from is computed, but not given as a score, and no pixels are flagged."""
    every, alone = open_scoring(scored, "every"), open_scoring(scored, "alone", scores=("evidence",))
    stages: list[str] = []
    assert every.run(silent) is not None
    assert alone.run(lambda stage, done, total: stages.append(stage)) is None
    assert set(stages) == {"Scoring"}
    assert set(alone.store.read_shard("scores", 0)["scores"]) == {"softmin"}
    assert not alone.store.shard_done("flags", 0) and not alone.store.shard_done("reduced", 0)
    found = joined(alone, "scores")
    assert set(found) == {"evidence"}
    np.testing.assert_array_equal(found["evidence"], joined(every, "scores")["evidence"])
    assert joined(alone, "per_class") == {}
    kept = {Path(name).parts[0] for name in files(every)}
    assert {"compact", "pooled", "flags"} < kept
    assert {Path(name).parts[0] for name in files(alone)} == kept - {"pooled", "flags"}


def test_evidence_alone_in_the_store_is_not_computed_again(scored: Any, open_scoring: Open) -> None:
    scoring = open_scoring(scored, scores=("evidence",))
    scoring.run(silent)
    written = {path: path.stat().st_mtime_ns for path in scoring.store.path.rglob("*") if path.is_file()}
    stages: list[str] = []
    assert scoring.run(lambda stage, done, total: stages.append(stage)) is None
    assert stages == []
    assert {path: path.stat().st_mtime_ns for path in scoring.store.path.rglob("*") if path.is_file()} == written


def test_evidence_that_is_usual_is_found_again_where_a_run_was_killed_before_it(
    scored: Any, open_scoring: Open
) -> None:
    undisturbed, killed = (open_scoring(scored, name, scores=("evidence",)) for name in ("undisturbed", "killed"))
    undisturbed.run(silent)
    killed.run(silent)
    killed.store.discard_shard("usual", 0)
    killed.run(silent)
    assert files(killed) == files(undisturbed)


def test_a_run_that_an_earlier_version_began_ends_without_displaced_edges(displaced: Any, open_scoring: Open) -> None:
    """Its shards know nothing of edges, and those of a dataset are judged by what is usual in all of it."""
    begun, without = open_scoring(displaced, "begun"), open_scoring(displaced, "without", displaced_edges=False)
    for scoring in (begun, without):
        scoring.run(silent)
    row = begun.store.read_shard("scores", 0)
    del row["fits"]
    begun.store.write_shard("scores", 0, row)
    for stage, shard in (("scores", 2), ("usual", 0), ("usual_fit", 0), ("flags", 2), ("reduced", 0)):
        begun.store.discard_shard(stage, shard)
    begun.run(silent)
    np.testing.assert_array_equal(joined(begun, "scores")["evidence"], joined(without, "scores")["evidence"])
    assert not begun.store.shard_done("usual_fit", 0)


def test_an_image_whose_picture_is_damaged_is_scored_without_its_edges(displaced: Any, open_scoring: Open) -> None:
    path = Path(displaced.first().filepath)
    path.write_bytes(path.read_bytes()[:-40])
    scoring, without = open_scoring(displaced), open_scoring(displaced, "without", displaced_edges=False)
    for each in (scoring, without):
        each.run(silent)
    found, expected = (joined(each, "scores")["evidence"] for each in (scoring, without))
    assert found[0] == expected[0] and (found <= expected).all() and (found < expected).any()


def test_evidence_needs_probabilities(fiftyone: Any, make_dataset: Any, open_scoring: Open) -> None:
    dataset = make_dataset(count=2)
    for sample in dataset:
        sample["predicted"] = fiftyone.Segmentation(mask_path=sample.ground_truth.mask_path)
        sample.save()
    scoring = open_scoring(dataset, field="predicted", scores=("evidence", "iou"))
    assert scoring.missing_scores == ("evidence",)
    assert scoring.run(silent) is None
    assert {name: values.tolist() for name, values in joined(scoring, "scores").items()} == {"iou": [1.0, 1.0]}
    assert not any(name.startswith(("pooled", "flags")) for name in files(scoring))


def test_the_evidence_of_images_survives_the_store(scored: Any, open_scoring: Open) -> None:
    from label_quality.plugin.passes.kept import pack_pairs, unpack_pairs
    from label_quality.plugin.scores.class_pair_evidence import PairEvidence

    store = open_scoring(scored).store
    nothing = PairEvidence.none()
    columns = np.array([0, 0, 3], np.int16), np.array([1, 2, 0], np.int16)
    three = PairEvidence(*columns, np.array([0.5, 1e-9, 4.6]), np.array([10.0, 1 / 3, 1e-9]))
    one = PairEvidence(np.array([2], np.int16), np.array([1], np.int16), np.array([0.25]), np.array([0.125]))
    for images in ([], [nothing], [nothing, three, nothing, nothing, one], [three, one]):
        store.write_shard("scores", 0, pack_pairs(images))
        again = list(unpack_pairs(store.read_shard("scores", 0)))
        assert len(again) == len(images)
        for before, after in zip(images, again, strict=True):
            for name, values in vars(before).items():
                np.testing.assert_array_equal(getattr(after, name), values, strict=True)


def test_how_the_edges_of_images_fit_survives_the_store(scored: Any, open_scoring: Open) -> None:
    from label_quality.plugin.passes.kept import pack_fits, unpack_fits
    from label_quality.plugin.scores.displaced_edges import EdgeFit

    store, nothing = open_scoring(scored).store, EdgeFit.none()
    two = EdgeFit(np.array([0, 3], np.int16), np.array([[0.5, 1 / 3, -2], [1e-9, 0, 4]], np.float32))
    for images in ([], [nothing], [nothing, two, nothing], [two, two]):
        store.write_shard("scores", 0, pack_fits(images))
        again = list(unpack_fits(store.read_shard("scores", 0)))
        assert len(again) == len(images)
        for before, after in zip(images, again, strict=True):
            np.testing.assert_array_equal(after.classes, before.classes, strict=True)
            np.testing.assert_array_equal(after.witnesses, before.witnesses, strict=True)


def test_confident_learning_does_not_depend_on_evidence(scored: Any, open_scoring: Open) -> None:
    both, alone = open_scoring(scored, "both"), open_scoring(scored, "alone", scores=("clc",), per_class=False)
    first, second = both.run(silent), alone.run(silent)
    for name, value in vars(first).items():
        np.testing.assert_array_equal(value, getattr(second, name))
    np.testing.assert_array_equal(joined(both, "scores")["clc"], joined(alone, "scores")["clc"])
