"""How many errors there are: drawn, judged and estimated on a real run, and taken away with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ..predicted import IDS, add_predictions

NAMES = {0: "unlabelled", 3: "road", 7: "car", 20: "tree"}


@pytest.fixture
def audited(make_dataset: Any, tmp_path: Path) -> Any:
    """Twelve images whose predictions contradict each third mask, audited; true masks are the others' as given."""
    from label_quality.plugin.audit import audit_labels

    dataset = make_dataset(count=12)
    add_predictions(dataset, tmp_path)
    audit_labels(dataset, "ground_truth", source="files", field="probabilities", min_probability=0.0)
    return dataset


def true_masks(dataset: Any) -> dict[str, np.ndarray]:
    """Sample id to what is seen in it: the given mask, in each third image moved as the predictions are."""
    found = {}
    for number, sample in enumerate(dataset):
        mask = sample.ground_truth.get_mask()
        found[sample.id] = np.roll(mask, 6 * (number % 3 == 0), axis=1)
    return found


def units(dataset: Any, kind: str = "place") -> list[dict[str, Any]]:
    from label_quality.plugin.dataset.sample_fields import read_units

    return [one for one in read_units(dataset, "lq") if one["unit"] == kind]


def judge(dataset: Any, kind: str = "place", most: int | None = None) -> None:
    """Gives what was drawn the verdict that is true."""
    from label_quality import load_record, set_verdict

    true, drawn = true_masks(dataset), getattr(load_record(dataset, "lq").sample, f"{kind}s")
    for unit in units(dataset, kind)[:most]:
        number = int(unit["number"]) % 1_000_000
        seen = true[unit["sample"]]
        if kind == "place":
            right = NAMES[int(seen[drawn.rows[number], drawn.columns[number]])]
            wrong = right != unit["given"]
        elif kind == "image":
            right, wrong = None, bool((seen != dataset[unit["sample"]].ground_truth.get_mask()).any())
        else:
            left, top, width, height = unit["bounding_box"]
            middle = seen[int((top + height / 2) * 24), int((left + width / 2) * 32)]
            right, wrong = None, NAMES[int(middle)] != unit["given"]
        corrected = right if wrong and kind == "place" and right != unit.get("suggested") else None
        verdict = "confirmed" if wrong else "rejected"
        set_verdict(dataset, "lq", [str(unit["_id"])], verdict, corrected_to=corrected, reviewer="ann")


def true_share(dataset: Any) -> float:
    true = true_masks(dataset)
    wrong = [(true[one.id] != one.ground_truth.get_mask()).mean() for one in dataset]
    return float(np.mean(wrong))


def test_what_is_drawn_and_judged_estimates_the_errors_and_is_deleted_with_the_run(audited: Any) -> None:
    from label_quality import delete_run, estimate_errors, list_runs, load_record

    before = audited.get_field_schema().keys() - {name for name in audited.get_field_schema() if name.startswith("lq")}
    first = estimate_errors(audited, key="lq", verdicts=150, suspects=4, images=8)
    assert (first.places.shown, first.places.judged, first.wrong_pixels) == (150, 0, None)
    assert first.notes[0].startswith("Too few of the places are judged for an estimate: judge the first ")
    assert first.pixels == 12 * 24 * 32
    view = audited.load_saved_view("lq: places to judge")
    assert len(view) == 150 + first.suspects.shown + first.images.shown
    for kind in ("place", "image", "suspect"):
        judge(audited, kind)
    found = estimate_errors(audited, key="lq")
    # 200 by default: more than before are drawn
    assert (found.places.shown, found.places.judged, found.places.counted) == (200, 150, 150)
    truth = true_share(audited)
    assert found.wrong_pixels.low <= truth <= found.wrong_pixels.high < 0.3
    assert found.wrong_pixels.low > 0.02
    assert found.label_miou.low < found.label_miou.value < found.label_miou.high < 1
    assert {one.name for one in found.classes} == set(NAMES.values())
    assert found.wrong_images.low <= 4 <= found.wrong_images.high and found.all_images == 12
    assert found.unfound_pixels.high <= found.pixels
    assert 0 <= found.real_suspects.low <= found.real_suspects.high <= found.open_suspects
    # The verdict on a drawn suspect is the suspect's
    verdicts = [one for image in audited.values("lq_suspects.detections.verdict") for one in image or []]
    assert "confirmed" in verdicts
    record = load_record(audited, "lq")
    assert "lq_sample" in record.fields and "lq: places to judge" in record.views
    left = len(audited.load_saved_view("lq: places to judge"))
    assert left == 50 + found.suspects.shown - found.suspects.judged + found.images.shown - found.images.judged
    delete_run(audited, "lq")
    audited.reload()
    assert audited.get_field_schema().keys() == before
    assert audited.list_saved_views() == [] and list_runs(audited) == []


def test_predictions_use_the_known_values() -> None:
    assert list(NAMES) == IDS
