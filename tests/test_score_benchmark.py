"""The benchmark of the scores with planted errors: its record, what it leaves alone, and what stops it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import pytest
from label_quality.plugin.config import SCORES
from label_quality.plugin.scenes import SCENE_CLASSES, render_scene

#: As little training as can be
QUICK: dict[str, Any] = {"preset": "fast", "folds": 2, "epochs": 1, "input_size": 64, "resamples": 20}
COUNT = 12


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders of images and masks."""
    folder = tmp_path_factory.mktemp("scenes")
    for part in ("images", "masks"):
        (folder / part).mkdir()
    for number in range(COUNT):
        image, mask = render_scene(number, (48, 64))
        cv2.imwrite(str(folder / "images" / f"{number:02d}.png"), image[..., ::-1])
        cv2.imwrite(str(folder / "masks" / f"{number:02d}.png"), mask)
    return folder


@pytest.fixture
def street(scenes: Path, fiftyone: Any) -> Iterator[Any]:
    """A dataset of the scenes."""
    dataset = fiftyone.Dataset()
    dataset.add_samples(
        [
            fiftyone.Sample(
                str(scenes / "images" / f"{number:02d}.png"),
                ground_truth=fiftyone.Segmentation(mask_path=str(scenes / "masks" / f"{number:02d}.png")),
                scene=f"scene {number // 2}",
            )
            for number in range(COUNT)
        ],
        progress=False,
    )
    dataset.mask_targets = {"ground_truth": SCENE_CLASSES}
    dataset.save()
    before = set(fiftyone.list_datasets())
    yield dataset
    for name in {dataset.name, *(set(fiftyone.list_datasets()) - before)}:
        fiftyone.delete_dataset(name)


@pytest.fixture(scope="session")
def engine(fiftyone: Any) -> Any:
    from label_quality.plugin import score_benchmark

    return score_benchmark


def state_of(dataset: Any, folder: Path) -> str:
    """A digest of the dataset's documents, without its runs, and of all files below a folder with their times."""
    documents = list(dataset._sample_collection.find().sort("_id"))
    schema = {name: str(field) for name, field in dataset.get_field_schema(flat=True).items()}
    files = {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in sorted(folder.rglob("*.png"))}
    content = (documents, schema, dataset.list_saved_views(), dataset.info, dataset.mask_targets, files)
    return hashlib.sha256(repr(content).encode()).hexdigest()


def test_every_score_is_judged_and_the_dataset_stays_as_it_is(
    engine: Any, street: Any, scenes: Path, fiftyone: Any
) -> None:
    before, datasets, stages = state_of(street, scenes), set(fiftyone.list_datasets()), []
    summary = engine.benchmark_scores(
        street,
        "ground_truth",
        rates={"swap": 0.4, "drop": 0.3},
        architectures=["FPN", None],
        progress=lambda stage, done, total: stages.append(stage),
        **QUICK,
    )
    street.reload()
    assert state_of(street, scenes) == before and set(fiftyone.list_datasets()) == datasets
    record = engine.load_benchmark(street)
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert (record["key"], record["status"], record["mode"], record["images"]) == (
        "lq_benchmark",
        "complete",
        "injected",
        COUNT,
    )
    assert record["label_field"] == "ground_truth" and record["truth_field"] is None
    assert record["classes"] == list(SCENE_CLASSES.values()) and record["left_out"] == {}
    assert record["config"]["rates"] == {"swap": 0.4, "drop": 0.3} and record["config"]["predictions"]["folds"] == 2
    kinds = [(one["kind"], one["architecture"], one["images"]) for one in record["results"]]
    assert kinds == [("drop", "FPN", 12), ("drop", None, 12), ("swap", "FPN", 12), ("swap", None, 12)]
    assert list(summary.results) == record["results"] and summary.seconds > 0
    for result in record["results"]:
        assert set(result["scores"]) == set(result["curves"]) == set(SCORES)
        assert 0 < result["errors"] <= {"drop": 4, "swap": 5}[result["kind"]]
        for metrics in result["scores"].values():
            assert set(metrics) == {"auroc", "auprc", "lift_at_errors"}
        for curve in result["curves"].values():
            assert (curve["recall"][0], curve["precision"][0], curve["recall"][-1]) == (0, 1, 1)
        assert set(result["suspects"]) == {"worst", "all"}
    assert "Lift@100 is left out: it needs more than 100 images, but there are 12." in record["notes"]
    assert any(note.startswith("The given masks count as the truth") for note in record["notes"])
    names = list(dict.fromkeys(stage.partition(":")[0] for stage in stages))
    assert names[-4:] == ["Drop, FPN (1 of 4)", "Drop (2 of 4)", "Swap, FPN (3 of 4)", "Swap (4 of 4)"]
    assert "Drop, FPN (1 of 4): Training 2 folds" in stages
    folder = Path(record["folder"])
    assert sorted(path.name.split("-")[0] for path in folder.iterdir()) == ["masks"]
    assert engine.delete_benchmark(street) == [] and not folder.exists() and engine.list_benchmarks(street) == []
    assert state_of(street, scenes) == before
