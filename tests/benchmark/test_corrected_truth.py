"""The benchmark by corrected masks: which masks are wrong and how, and what is said where that cannot be told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from label_quality.plugin.base.errors import LabelQualityError, SampleError
from label_quality.plugin.benchmark.ranking_metrics import auroc

from ..deletion import drop_datasets

QUICK: dict[str, Any] = {"preset": "fast", "folds": 2, "epochs": 1, "input_size": 32, "resamples": 20}
COUNT = 16
#: Positions of the images whose given masks are wrong, and how
DROPPED, SWAPPED, SHIFTED, SLIGHT = range(5), range(5, 7), (7,), (8,)


@pytest.fixture(scope="session")
def engine(fiftyone: Any) -> Any:
    from label_quality.plugin.benchmark import run as score_benchmark

    return score_benchmark


def true_mask() -> np.ndarray:
    """Road below, a tree to the left and a car in the middle."""
    mask = np.full((24, 32), 3, np.uint8)
    mask[:12] = 0
    mask[4:20, 2:10] = 20
    mask[10:20, 16:26] = 7
    return mask


def given_mask(position: int) -> np.ndarray:
    """The true mask with the error that an image has."""
    mask = true_mask()
    if position in DROPPED:
        mask[mask == 7] = 0
    elif position in SWAPPED:
        mask[mask == 7], mask[true_mask() == 20] = 20, 7
    elif position in SHIFTED:
        mask[10:20, 24:26] = 3
    elif position in SLIGHT:
        mask[12, 30] = 0
    return mask


@pytest.fixture
def corrected(make_dataset: Any, fiftyone: Any, tmp_path: Path) -> Iterator[Any]:
    """A dataset with wrong masks in ``ground_truth`` and right ones in ``truth``, and a finished run ``lq``."""
    from label_quality.plugin.records.run_record import RunRecord, save_record

    dataset = make_dataset(count=COUNT)
    before = set(fiftyone.list_datasets())
    truths = []
    for position, path in enumerate(dataset.values("ground_truth.mask_path")):
        cv2.imwrite(path, given_mask(position))
        cv2.imwrite(str(tmp_path / f"true-{position}.png"), true_mask())
        truths.append(fiftyone.Segmentation(mask_path=str(tmp_path / f"true-{position}.png")))
    dataset.set_values("truth", truths)
    quality = np.linspace(0, 1, COUNT)
    quality[SWAPPED[0]] = 0.9
    for name in ("quality", "ccp", "softmin"):
        dataset.set_values(f"lq_{name}", quality.tolist())
    record = RunRecord("lq", "ground_truth", timings={"Scoring": 2.0}, scores_missing={"cil": "no probabilities"})
    record.config = {"predictions": {"architecture": "FPN"}}
    save_record(dataset, record)
    yield dataset
    drop_datasets(set(fiftyone.list_datasets()) - before)


def measure(engine: Any, dataset: Any, **parameters: Any) -> Any:
    return engine.benchmark_scores(dataset, "ground_truth", **{"truth_field": "truth", **QUICK, **parameters})


def test_a_finished_run_is_judged_by_the_corrected_masks(engine: Any, corrected: Any) -> None:
    summary = measure(engine, corrected, run_key="lq")
    assert (summary.mode, summary.truth_field, summary.images) == ("truth", "truth", COUNT)
    results = {one["kind"]: one for one in summary.results}
    assert {kind: (one["errors"], one["images"], one["architecture"]) for kind, one in results.items()} == {
        "drop": (6, 13, "FPN"),
        "all": (9, 16, "FPN"),
    }
    quality = np.array(corrected.values("lq_softmin"))
    wrong = np.isin(np.arange(COUNT), [*DROPPED, *SWAPPED, *SHIFTED, *SLIGHT])
    assert results["all"]["scores"]["softmin"]["auroc"]["value"] == auroc(wrong, quality) < 1
    assert results["drop"]["scores"]["softmin"]["auroc"]["value"] == 1 and list(results["all"]["scores"]) == [
        "ccp",
        "softmin",
    ]
    assert summary.left_out == {
        "swap": "too few masks are wrong in this way for figures of their own: 2",
        "shift": "too few masks are wrong in this way for figures of their own: 1",
    }
    assert "A mask is wrong where at least 0.10% of its pixels differ from 'truth': 9 of 16 are." in summary.notes
    strict = measure(engine, corrected, run_key="lq", key="strict", min_difference=0.005)
    assert "A mask is wrong where at least 0.50% of its pixels differ from 'truth': 8 of 16 are." in strict.notes
    assert "Masks that differ from 'truth' in fewer pixels and so count as right: 1." in strict.notes
    assert "FPN: the score 'cil' is missing: no probabilities." in strict.notes
    assert any(note.startswith("The scores are those of run 'lq' of ") for note in strict.notes)


def test_images_without_a_corrected_mask_or_scores_are_not_counted(engine: Any, corrected: Any) -> None:
    corrected.set_values("truth", [None, *corrected.values("truth")[1:]])
    corrected.set_values("lq_softmin", [*corrected.values("lq_softmin")[:-1], None])
    summary = measure(engine, corrected, run_key="lq", min_difference=0.005)
    (result,) = summary.results
    assert (result["kind"], result["errors"], result["images"]) == ("all", 7, 14)
    assert "Images without a mask in 'truth', which are not counted: 1." in summary.notes
    assert "FPN: 1 of 16 images have no scores and are not counted." in summary.notes


def test_without_a_run_a_copy_of_the_dataset_is_audited(engine: Any, corrected: Any, fiftyone: Any) -> None:
    datasets, stages = fiftyone.list_datasets(), []
    summary = measure(
        engine, corrected.limit(12), suspects=False, progress=lambda stage, done, total: stages.append(stage)
    )
    corrected.reload()
    assert fiftyone.list_datasets() == datasets and list(corrected.list_runs()) == ["lq", "lq_benchmark"]
    assert [(one["kind"], one["architecture"]) for one in summary.results] == [("drop", None), ("all", None)]
    assert "Given masks (1 of 1): Training 2 folds" in stages and summary.images == 12
    assert len(summary.results[-1]["scores"]) == 8 and summary.results[-1]["errors"] == 9


def test_another_benchmark_of_the_key_is_replaced_only_when_asked_for(engine: Any, corrected: Any) -> None:
    first = measure(engine, corrected, run_key="lq")
    with pytest.raises(LabelQualityError, match=r"has a benchmark 'lq_benchmark' of .* with other parameters, or its"):
        measure(engine, corrected, run_key="lq", min_difference=0.005)
    assert engine.load_benchmark(corrected)["results"] == list(first.results)
    second = measure(engine, corrected, run_key="lq", min_difference=0.005, overwrite=True)
    (record,) = engine.list_benchmarks(corrected)
    assert record["config"]["min_difference"] == 0.005 and record["results"] == list(second.results)
    corrected.set_values("lq_softmin", np.linspace(1, 0, COUNT).tolist())
    again = measure(engine, corrected, run_key="lq", min_difference=0.005)
    anew = measure(engine, corrected, run_key="lq", min_difference=0.005, overwrite=True)
    assert again == second != anew
    cv2.imwrite(corrected.first().truth.mask_path, given_mask(DROPPED[0]))
    with pytest.raises(LabelQualityError, match=r"its images or masks have changed since\. Pass overwrite=True"):
        measure(engine, corrected, run_key="lq", min_difference=0.005)


def test_masks_that_are_all_right_or_all_wrong_are_said(engine: Any, corrected: Any) -> None:
    with pytest.raises(LabelQualityError) as caught:
        measure(engine, corrected, run_key="lq", min_difference=0.9)
    assert str(caught.value).startswith(
        "The given masks and those of 'truth' are the same: none of the 16 differs in at least 90.00% of its pixels "
        "(the most is "
    )
    with pytest.raises(LabelQualityError) as caught:
        measure(engine, corrected.limit(5), run_key="lq")
    assert str(caught.value) == (
        "All 5 given masks differ from those of 'truth' in at least 0.10% of their pixels (the median is 13.02%), so "
        "that no correct one is left to tell them from. Raise `min_difference`, or check that both fields have the "
        "same classes."
    )
    assert engine.list_benchmarks(corrected) == []


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"truth_field": "missing"}, "has no field 'missing'. Its segmentation fields are: ground_truth, truth."),
        ({"truth_field": "index"}, "Expected field 'index' to hold Segmentation labels, but it is IntField."),
        ({"run_key": "other"}, "has no label quality run 'other'. Its runs are: lq."),
        ({"run_key": "lq", "architectures": ["FPN"]}, "Expected no `architectures` with `run_key`: run 'lq' has its"),
    ],
)
def test_bad_parameters_are_said(engine: Any, corrected: Any, parameters: dict[str, Any], expected: str) -> None:
    with pytest.raises(LabelQualityError) as caught:
        measure(engine, corrected, **parameters)
    assert expected in str(caught.value)
    assert engine.list_benchmarks(corrected) == []


def test_runs_that_cannot_be_judged_are_said(engine: Any, corrected: Any) -> None:
    from label_quality.plugin.records.run_record import RunRecord, save_record

    save_record(corrected, RunRecord("half", "ground_truth", status="predicted"))
    with pytest.raises(LabelQualityError, match=r"^Run 'half' of dataset '.*' has no scores to judge \(its status is"):
        measure(engine, corrected, run_key="half")
    save_record(corrected, RunRecord("elsewhere", "truth"))
    with pytest.raises(LabelQualityError) as caught:
        measure(engine, corrected, run_key="elsewhere")
    assert str(caught.value) == (
        "Expected `run_key` to be a run of the field 'ground_truth', but run 'elsewhere' is of 'truth'."
    )


def test_corrected_masks_of_another_size_or_with_other_classes_are_said(engine: Any, corrected: Any) -> None:
    path = corrected.first().truth.mask_path
    cv2.imwrite(path, np.zeros((5, 5), np.uint8))
    with pytest.raises(SampleError, match=r"the mask is 5x5 pixels but its image .* is 32x24"):
        measure(engine, corrected, run_key="lq")
    cv2.imwrite(path, np.full((24, 32), 99, np.uint8))
    with pytest.raises(SampleError, match=r"holds values that are not in the class table: 99 \(768 pixels\)"):
        measure(engine, corrected, run_key="lq")
