"""Runs of more samples than a query of MongoDB may have ids: of some 800,000 it refuses a view that selects all."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from .. import predicted

pytest.importorskip("fiftyone")


@pytest.fixture
def dataset(make_dataset: Any, tmp_path: Path) -> Any:
    from label_quality.plugin.audit import audit_labels

    found = predicted.add_predictions(make_dataset(count=9), tmp_path / "soft")
    audit_labels(found, "ground_truth", **predicted.WITH_FILES)
    return found


@pytest.fixture
def longest(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many ids each view selects, where two are as many as it may."""
    from fiftyone.core.collections import SampleCollection
    from label_quality.plugin.base import portions

    monkeypatch.setattr(portions, "IDS_A_QUERY", 2)
    found = [0]
    for name in ("select", "exclude"):
        real = getattr(SampleCollection, name)

        def asked(self: Any, ids: Any, *arguments: Any, real: Any = real, **more: Any) -> Any:
            found.append(1 if isinstance(ids, str) else len(ids))
            return real(self, ids, *arguments, **more)

        monkeypatch.setattr(SampleCollection, name, asked)
    return found


def test_a_run_is_searched_anew(fiftyone: Any, dataset: Any, longest: list[int]) -> None:
    from label_quality import find_suspects, score_objects

    before = find_suspects(dataset, min_probability=0.0).suspects
    # Of what was added since nothing is known, and it is no failure of the run
    dataset.add_sample(fiftyone.Sample(str(Path(dataset.first().filepath).with_name("new.png"))))
    again = find_suspects(dataset, min_probability=0.0, overwrite=True)
    assert before.regions == again.suspects.regions > 0
    assert again.failures == () and score_objects(dataset).objects.images == 9
    assert max(longest) <= 2


def test_masks_are_corrected_exported_and_loaded(dataset: Any, longest: list[int], tmp_path: Path) -> None:
    from label_quality import export_clean_dataset, load_corrections, write_corrected_masks

    with_suspects = len(dataset.match({"lq_suspects.detections.0": {"$exists": True}}))
    made = write_corrected_masks(dataset, regions="all", output_dir=str(tmp_path / "corrected"))
    assert made.images == with_suspects > 2
    exported = export_clean_dataset(dataset, export_dir=str(tmp_path / "clean"), unreviewed="drop")
    assert (exported.images, exported.dropped) == (9 - with_suspects, with_suspects)
    folder = tmp_path / "masks"
    folder.mkdir()
    for path in dataset.values("ground_truth.mask_path"):
        shutil.copy(path, folder)
    assert load_corrections(dataset, str(folder)).images == 9
    other = dataset.clone(f"{dataset.name}-clone")
    try:
        assert load_corrections(dataset, other.name).images == 9
    finally:
        other.delete()
    assert max(longest) <= 2
