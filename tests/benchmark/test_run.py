"""The benchmark of the scores with planted errors: its record, what it leaves alone, how it goes on, what stops it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from label_quality.plugin.base.errors import LabelQualityError, SampleError
from label_quality.plugin.benchmark.ranking_metrics import auroc
from label_quality.plugin.scores.config import SCORES

from ..deletion import drop_datasets

#: As little training as can be
QUICK: dict[str, Any] = {"preset": "fast", "folds": 2, "epochs": 1, "input_size": 32, "resamples": 20}


@pytest.fixture(scope="session")
def engine(fiftyone: Any) -> Any:
    from label_quality.plugin.benchmark import run as score_benchmark

    return score_benchmark


@pytest.fixture(autouse=True)
def remove_datasets(fiftyone: Any) -> Iterator[None]:
    before = set(fiftyone.list_datasets())
    yield
    drop_datasets(set(fiftyone.list_datasets()) - before)


def state_of(dataset: Any, folder: Path) -> str:
    """A digest of the dataset's documents, without its runs, and of all files below a folder with their times."""
    documents = list(dataset._sample_collection.find().sort("_id"))
    schema = {name: str(field) for name, field in dataset.get_field_schema(flat=True).items()}
    files = {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in sorted(folder.rglob("*.png"))}
    content = (documents, schema, dataset.list_saved_views(), dataset.info, dataset.mask_targets, files)
    return hashlib.sha256(repr(content).encode()).hexdigest()


def test_a_benchmark_that_was_killed_before_its_record_was_saved_begins(engine: Any, dataset: Any) -> None:
    from label_quality.plugin.benchmark.state import _continued
    from label_quality.plugin.runs.request import Request

    # As a kill leaves it between the two: what the App's list shows, and no content
    header = {"label_field": "ground_truth", "mode": "injected", "created": "2026-01-01", "status": "running"}
    config = dataset.init_run(method="label_quality_benchmark", format=1, **header)
    dataset.register_run("lq_benchmark", config)
    found = engine.load_benchmark(dataset)
    assert _continued(dataset, Request(key="lq_benchmark"), "abc", found, rescore=False) is None


def test_a_benchmark_that_was_killed_goes_on_and_leaves_the_dataset_as_it_is(
    engine: Any, make_dataset: Any, fiftyone: Any, tmp_path: Path
) -> None:
    dataset = make_dataset(count=12)
    before, datasets, stages = state_of(dataset, tmp_path), set(fiftyone.list_datasets()), []
    stopping = True

    def watching(stage: str, done: int, total: int) -> None:
        stages.append(stage)
        if stopping and stage == "Swap, FPN (2 of 2): Predicting":
            raise KeyboardInterrupt

    def measure(**changed: Any) -> Any:
        chosen = {"rates": {"swap": 0.4, "drop": 0.3}, "architectures": ["FPN"], **QUICK, **changed}
        return engine.benchmark_scores(dataset, "ground_truth", progress=watching, **chosen)

    with pytest.raises(KeyboardInterrupt):
        measure()
    killed = engine.load_benchmark(dataset)
    assert (killed["status"], [one["kind"] for one in killed["results"]]) == ("running", ["drop"])
    assert "Drop, FPN (1 of 2): Training 2 folds" in stages and len(fiftyone.list_datasets()) == len(datasets) + 1

    stopping = False
    stages.clear()
    summary = measure()
    assert not [stage for stage in stages if stage.startswith("Drop")] and "Swap, FPN (2 of 2): Scoring" in stages
    assert stages[-1] == "Swap, FPN (2 of 2): Judging scores"
    assert "Swap, FPN (2 of 2): Training 2 folds" not in stages
    dataset.reload()
    assert state_of(dataset, tmp_path) == before and set(fiftyone.list_datasets()) == datasets
    record = engine.load_benchmark(dataset)
    assert json.loads(json.dumps(record, allow_nan=False)) == record and record["results"][0] == killed["results"][0]
    facts = {
        name: record[name] for name in ("key", "label_field", "mode", "truth_field", "status", "images", "classes")
    }
    assert facts == {
        "key": "lq_benchmark",
        "label_field": "ground_truth",
        "mode": "injected",
        "truth_field": None,
        "status": "complete",
        "images": 12,
        "classes": ["unlabelled", "road", "car", "tree"],
    }
    assert record["config"]["rates"] == {"swap": 0.4, "drop": 0.3} and record["config"]["predictions"]["folds"] == 2
    assert [(one["kind"], one["architecture"], one["images"]) for one in record["results"]] == [
        ("drop", "FPN", 12),
        ("swap", "FPN", 12),
    ]
    assert list(summary.results) == record["results"] and summary.seconds > 0
    for result in record["results"]:
        assert list(result["scores"]) == list(result["curves"]) == list(SCORES)
        assert 0 < result["errors"] <= 5 and set(result["suspects"]) == {"worst", "all"}
        assert all(set(one) == {"auroc", "auprc", "lift_at_errors"} for one in result["scores"].values())
        for curve in result["curves"].values():
            assert (curve["recall"][0], curve["precision"][0], curve["recall"][-1]) == (0, 1, 1)
    assert "Lift@100 is left out: it needs more than 100 images, but there are 12." in record["notes"]
    assert summary.text().count("Class-pair evidence") == 3 and "Drop, FPN" in summary.text()

    stages.clear()
    assert measure() == summary
    assert set(stages) == {"Checking masks"}
    with pytest.raises(LabelQualityError) as caught:
        measure(resamples=30)
    assert str(caught.value) == (
        f"Dataset '{dataset.name}' has a benchmark 'lq_benchmark' of {record['created']} with other parameters, or its "
        "images or masks have changed since. Pass overwrite=True to replace it, or use another `key` to keep both."
    )
    folder = Path(record["folder"])
    assert [path.name for path in folder.iterdir()] == ["masks"]
    assert engine.delete_benchmark(dataset) == [] and not folder.exists() and engine.list_benchmarks(dataset) == []


def test_audits_that_are_kept_are_scored_again(engine: Any, make_dataset: Any, fiftyone: Any, tmp_path: Path) -> None:
    dataset = make_dataset(count=10, storage="database")
    dataset.set_values("scene", [f"scene {number // 2}" for number in range(10)])
    before, stages = state_of(dataset, tmp_path), []
    parameters = {
        "rates": {"swap": 0.4},
        "group_field": "scene",
        "keep_runs": True,
        "suspects": False,
        "output_dir": str(tmp_path / "out"),
        "ignored": ["tree"],
        **QUICK,
    }
    first = engine.benchmark_scores(dataset, "ground_truth", **parameters)
    (name,) = [name for name in fiftyone.list_datasets() if name.startswith("lq-benchmark-")]
    own = fiftyone.load_dataset(name)
    assert [str(mask) for mask in own.values("benchmark_scene")] == dataset.values("scene")
    folds = dict(zip(own.values("benchmark_scene"), own.values(f"{own.list_runs()[0]}_fold"), strict=True))
    assert [folds[scene] for scene in own.values("benchmark_scene")] == own.values(f"{own.list_runs()[0]}_fold")
    is_error = np.array([kind == "swap" for kind in own.values("planted_error")])
    quality = np.array(own.values(f"{own.list_runs()[0]}_softmin"))
    softmin = first.results[0]["scores"]["softmin"]["auroc"]["value"]
    assert softmin == auroc(is_error, quality) and first.results[0]["errors"] == is_error.sum()
    folder = tmp_path / "out" / f"{dataset.slug}-{dataset._doc.id}"
    assert "suspects" not in first.results[0] and first.folder == str(folder / "lq_benchmark")
    again = engine.benchmark_scores(
        dataset,
        "ground_truth",
        rescore=True,
        progress=lambda stage, done, total: stages.append(stage.partition(": ")[2]),
        **parameters,
    )
    assert "Scoring" in stages and not [stage for stage in stages if stage.startswith("Training")]
    assert [one["scores"] for one in again.results] == [one["scores"] for one in first.results]
    assert engine.delete_benchmark(dataset) == []
    assert not folder.exists() and not fiftyone.dataset_exists(name)
    dataset.reload()
    assert state_of(dataset, tmp_path) == before


def test_suspects_are_read_back_and_judged(make_dataset: Any, tmp_path: Path, fiftyone: Any) -> None:
    from label_quality.plugin.benchmark.audits import Audits, Scored, found_regions
    from label_quality.plugin.benchmark.config import BenchmarkConfig
    from label_quality.plugin.benchmark.noisy_dataset import plant_errors
    from label_quality.plugin.samples.inputs import open_samples

    samples = open_samples(make_dataset(count=8), "ground_truth")
    planted = plant_errors(samples, "swap", 0.5, tmp_path / "noisy", seed=1)
    audits = Audits(samples, BenchmarkConfig(), tmp_path, "lq-benchmark-000000000000-", False)
    dataset, key = audits.dataset("swap", planted), audits.key(None)
    first, *others = planted
    quality = np.arange(8) != first
    found = Scored(quality.astype(float), {"softmin": quality.astype(float)}, {}, 1.0)
    assert audits.judge_suspects(dataset, None, planted, found) == {}
    noisy = open_samples(dataset, "ground_truth")
    write_perfect_suspects(samples, noisy, key, list(planted), tmp_path)
    dataset.reload()
    judged = audits.judge_suspects(dataset, None, planted, found)
    swap = {"right_type": 1.0, "right_class": 1.0, "matching_iou": 1.0}
    for group, images in {"worst": len(planted), "all": len(planted)}.items():
        summary = judged[group]["kinds"]["swap"]
        assert {name: summary[name] for name in swap} == swap and summary["images"] <= images
    assert judged["all"]["kinds"]["swap"]["images"] == 1 + len(others) > 1
    assert judged["worst"]["confusion"]["swap"]["swap"] >= 1
    clean, given = samples.load_labels(first), noisy.load_labels(first)
    names = samples.class_table.names
    region = found_regions(dataset[noisy.ids[first]], key, names, clean.shape)[0]
    left, top, width, height = region.box
    inside = np.zeros_like(clean, bool)
    inside[top : top + height, left : left + width] = region.mask
    assert (inside == ((given == region.given) & (clean == region.suggested))).all()
    without = next(position for position in range(8) if position not in planted)
    assert found_regions(dataset[noisy.ids[without]], key, names, clean.shape) == []


def write_perfect_suspects(samples: Any, noisy: Any, key: str, positions: list[int], folder: Path) -> None:
    """Suspects that are just the changed pixels, one for each direction of the swap."""
    from label_quality.plugin.dataset.suspect_fields import write_suspects
    from label_quality.plugin.suspects.image_suspects import ImageSuspects

    images = []
    for position in positions:
        clean, given = samples.load_labels(position), noisy.load_labels(position)
        changed = clean != given
        pairs = sorted(set(zip(given[changed].tolist(), clean[changed].tolist(), strict=True)))
        masks = [(given == wrong) & (clean == true) for wrong, true in pairs]
        boxes = [cv2.boundingRect(mask.astype(np.uint8)) for mask in masks]
        paths = [folder / f"{position}-{row}.png" for row in range(len(pairs))]
        for path, mask, (left, top, width, height) in zip(paths, masks, boxes, strict=True):
            cv2.imwrite(str(path), 255 * mask[top : top + height, left : left + width].astype(np.uint8))
        images.append(
            ImageSuspects(
                sample_id=noisy.ids[position],
                size=clean.shape,
                given=np.array([wrong for wrong, _ in pairs]),
                suggested=np.array([true for _, true in pairs]),
                kind=["swap"] * len(pairs),
                evidence=np.arange(len(pairs)) + 1.0,
                area=np.array([mask.sum() for mask in masks]),
                confidence=np.full(len(pairs), 0.9),
                box=np.array(boxes),
                masks=[str(path) for path in paths],
            )
        )
    write_suspects(noisy.dataset, key, images, class_table=samples.class_table, label_field="ground_truth")


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"rates": {"drop": 1.5}}, "Expected the rate of drop errors to be in (0, 1), but got 1.5: it is the share"),
        ({"rates": {"drop": 0}}, "Expected the rate of drop errors to be in (0, 1), but got 0: it is the share"),
        ({"rates": {"smear": 0.1}}, "Expected kinds of errors of drop, swap, shift, but got 'smear'."),
        ({"kinds": []}, "Expected parameter `kinds` to be some of drop, swap, shift, but got []."),
        ({"kinds": "drop"}, "Expected parameter `kinds` to be a list of values, but got 'drop'."),
        (
            {"kinds": ["drop"], "rates": {"swap": 0.1}},
            "Expected rates only of the kinds ['drop'], but got some of",
        ),
        ({"severity": 0}, "Expected parameter `severity` to be in (0, 1], but got 0."),
        ({"min_fraction": 2}, "Expected parameter `min_fraction` to be in (0, 1], but got 2."),
        (
            {"architectures": ["UNet7"]},
            "Expected parameter `architecture` to be DeepLabV3Plus or FPN with preset 'fast'",
        ),
        ({"architectures": ["UNet7"], "preset": "paper"}, "Expected parameter `architecture` to be one of Unet, Unet"),
        ({"architectures": []}, "Expected parameter `architectures` to list decoders, each once (None for the"),
        ({"resamples": 0}, "Expected parameter `resamples` to be at least 1, but got 0."),
        ({"min_difference": 1}, "Expected parameter `min_difference` to be in [0, 1), but got 1."),
        ({"run_key": "lq"}, "Parameter `run_key` ('lq') names a run to judge by corrected masks: give their field in"),
        (
            {"truth_field": "other", "kinds": ["drop"]},
            "Parameters `kinds` and `rates` are of errors to plant, and with",
        ),
        ({"only_folds": [0]}, "Unknown parameter 'only_folds'; expected some of address, architectures, augment,"),
        ({"scores": ["best"]}, "Expected parameter `scores` to be some of ccp, tccp,"),
        ({"key": "no key"}, "Expected `key` to be a letter followed by"),
    ],
)
def test_bad_parameters_are_said_and_leave_nothing(
    engine: Any, dataset: Any, parameters: dict[str, Any], expected: str
) -> None:
    with pytest.raises(LabelQualityError) as caught:
        engine.benchmark_scores(dataset, "ground_truth", **{"preset": "fast", **parameters})
    assert str(caught.value).startswith(expected)
    assert engine.list_benchmarks(dataset) == []


def test_kinds_alone_have_the_rates_of_the_paper(fiftyone: Any) -> None:
    from label_quality.plugin.benchmark.config import rates_of

    assert rates_of(["shift", "swap"], None) == {"shift": 0.2, "swap": 0.3}
    assert rates_of(None, {"swap": 0.1}) == {"swap": 0.1}
    assert rates_of(["shift", "swap"], {"swap": 0.1}) == {"shift": 0.2, "swap": 0.1}


def test_masks_that_no_error_fits_are_said(engine: Any, make_dataset: Any, tmp_path: Path) -> None:
    from label_quality.plugin.benchmark.records import own_datasets
    from label_quality.plugin.runs.housekeeping import run_root
    from label_quality.plugin.runs.request import Request

    dataset = make_dataset(count=6, targets={0: "zero", 3: "road", 7: "car", 20: "tree"})
    with pytest.raises(LabelQualityError) as caught:
        engine.benchmark_scores(dataset, "ground_truth", kinds=["drop"], preset="fast")
    assert str(caught.value) == (
        "Dropped objects become unlabelled, but none of the classes zero, road, car, tree is called so. Name the class "
        "of unlabelled pixels in `unlabelled`."
    )
    with pytest.raises(LabelQualityError) as caught:
        engine.benchmark_scores(dataset, "ground_truth", min_fraction=1.0, preset="fast")
    assert str(caught.value).startswith(
        "None of the kinds of errors can be planted in these masks. Drop: Dropped objects become unlabelled, but none"
    )
    assert "Swap: No swap error could be planted in 6 images at a rate of 0.3: too few images" in str(caught.value)
    with pytest.raises(LabelQualityError, match=r"^All 6 images got a swap error at a rate of 0\.95, so that no"):
        engine.benchmark_scores(dataset, "ground_truth", rates={"swap": 0.95}, min_fraction=0.001, preset="fast")
    assert engine.list_benchmarks(dataset) == [] and own_datasets(dataset, "lq_benchmark") == []
    assert not run_root(dataset, Request(key="lq_benchmark"), None).exists()


def test_one_class_and_bad_masks_are_said(engine: Any, make_dataset: Any) -> None:
    dataset = make_dataset(count=4)
    with pytest.raises(LabelQualityError) as caught:
        engine.benchmark_scores(dataset, "ground_truth", ignored=["road", "car", "tree"], preset="fast")
    assert str(caught.value) == (
        "Expected at least two classes, but there is only 'unlabelled': no error can be planted or found. Name all "
        "classes, among them the one of unlabelled pixels, in the dataset's mask targets or `classes`."
    )
    for path in dataset.values("ground_truth.mask_path"):
        cv2.imwrite(path, np.full((24, 32), 3, np.uint8))
    with pytest.raises(LabelQualityError) as caught:
        engine.benchmark_scores(dataset, "ground_truth", preset="fast")
    assert str(caught.value) == (
        "Expected masks of at least two classes, but the 4 masks show only 'road' of 4: no error can be planted or "
        "found."
    )
    cv2.imwrite(dataset.first().ground_truth.mask_path, np.zeros((5, 5), np.uint8))
    with pytest.raises(SampleError, match="the mask is 5x5 pixels but its image"):
        engine.benchmark_scores(dataset, "ground_truth", preset="fast")


def test_fewer_errors_than_asked_for_and_fewer_images_are_noted(engine: Any, make_dataset: Any, tmp_path: Path) -> None:
    dataset = make_dataset(count=10)
    for path in dataset.values("ground_truth.mask_path")[:5]:
        mask = np.zeros((24, 32), np.uint8)
        mask[0, 0] = 3
        cv2.imwrite(path, mask)
    cv2.imwrite(dataset.last().ground_truth.mask_path, np.zeros((5, 5), np.uint8))
    summary = engine.benchmark_scores(dataset, "ground_truth", rates={"shift": 0.8}, skip_failures=True, **QUICK)
    (result,) = summary.results
    assert (summary.images, result["images"]) == (9, 9) and 0 < result["errors"] <= 4
    assert "1 of 10 images could not be used and is left out." in summary.notes
    assert (
        f"Shift: {result['errors']} of the 7 images that were chosen have an error. In the others no class is large "
        "enough for one that changes 1.00% of the pixels."
    ) in summary.notes
    few = f"Few images are mislabelled (Shift {result['errors']}), so the intervals are wide: use more images."
    assert few in summary.notes
