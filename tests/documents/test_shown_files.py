"""Files of a run that somebody has removed: a run does not end without them, and makes them again when restarted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ..predicted import WITH_FILES, add_predictions, files_of, record_of


@pytest.fixture
def dataset(make_dataset: Any, tmp_path: Path) -> Any:
    """18 samples, two shards of them."""
    return add_predictions(make_dataset(count=18), tmp_path)


@pytest.fixture
def audit(fiftyone: Any) -> Any:
    from label_quality.plugin import audit

    return audit


def removing(folder: Path, pattern: str, stage: str) -> Any:
    """A progress callback that removes files when a stage is reported."""

    def progress(reported: str, done: int, total: int) -> None:
        for path in folder.glob(pattern) if reported == stage else ():
            path.unlink()

    return progress


def root(dataset: Any) -> Path:
    from label_quality.plugin.runs.housekeeping import dataset_folder, default_parent

    return dataset_folder(dataset, default_parent()) / "lq"


@pytest.mark.parametrize("pattern", ["scores-*/heatmaps/*/*.png", "suspects-*/masks/*/*.png"])
def test_a_run_whose_files_are_removed_on_the_way_goes_on(dataset: Any, audit: Any, pattern: str) -> None:
    audit.audit_labels(dataset, "ground_truth", key="calm", **WITH_FILES)
    removed = removing(root(dataset), pattern, "Writing suspects")
    with pytest.raises(audit.LabelQualityError) as caught:
        audit.audit_labels(dataset, "ground_truth", **WITH_FILES, progress=removed)
    first, _, text = str(caught.value).partition(" ")
    assert Path(first).match(pattern) and not Path(first).exists()
    assert text == (
        "and others were removed while run 'lq' was under way. Start the same run again: it makes what is missing anew."
    )
    assert record_of(dataset).status == "writing"
    audit.audit_labels(dataset, "ground_truth", **WITH_FILES)
    assert record_of(dataset).status == "complete"
    assert sorted(files_of(dataset).values()) == sorted(files_of(dataset, "calm").values())
    assert dataset.values("lq_quality") == dataset.values("calm_quality")


@pytest.mark.parametrize("part", ["scores-*/heatmaps", "scores-*/masks", "scores-*/flags", "suspects-*/masks"])
def test_a_finished_run_makes_removed_files_again(dataset: Any, audit: Any, part: str) -> None:
    audit.audit_labels(dataset, "ground_truth", **WITH_FILES)
    before = files_of(dataset)
    next(root(dataset).glob(f"{part}/*/*.png")).unlink()
    audit.audit_labels(dataset, "ground_truth", **WITH_FILES)
    assert sorted(files_of(dataset).values()) == sorted(before.values())
    assert len(list(root(dataset).iterdir())) == 2


def test_a_search_makes_removed_masks_again(dataset: Any, audit: Any) -> None:
    audit.audit_labels(dataset, "ground_truth", **WITH_FILES)
    before = files_of(dataset)
    next(root(dataset).glob("suspects-*/masks/*/*.png")).unlink()
    audit.find_suspects(dataset, min_probability=0.0)
    assert sorted(files_of(dataset).values()) == sorted(before.values())
    removed = removing(root(dataset), "suspects-*/masks/*/*.png", "Writing suspects")
    with pytest.raises(audit.LabelQualityError, match="removed while run 'lq' was under way"):
        audit.find_suspects(dataset, max_regions=1, min_probability=0.0, progress=removed)
    assert record_of(dataset).suspects.status == "writing"
    audit.find_suspects(dataset, min_probability=0.0)
    assert sorted(files_of(dataset).values()) == sorted(before.values())


def test_predictions_alone_are_made_again(dataset: Any, audit: Any) -> None:
    files = {"source": "files", "field": "probabilities"}
    audit.compute_predictions(dataset, "ground_truth", **files)
    path = Path(dataset.first().lq_prediction.mask_path)
    before = path.read_bytes()
    path.unlink()
    audit.compute_predictions(dataset, "ground_truth", **files)
    dataset.reload()
    assert Path(dataset.first().lq_prediction.mask_path).read_bytes() == before
    assert record_of(dataset).status == "predicted"
