"""Suspects with a verdict that a later search does not find, or that a person deletes: what is kept and said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from label_quality.plugin.base.errors import LabelQualityError

from .. import app_edits
from ..predicted import WITH_FILES, add_predictions
from ..snapshots import Snapshot

#: So that a search finds nothing
_NOTHING = {"min_area": 0.9, "overwrite": True}


@pytest.fixture(scope="module")
def twelve(make_module_dataset: Any, module_folder: Path) -> Snapshot:
    from label_quality import audit_labels

    dataset = add_predictions(make_module_dataset(count=12), module_folder)
    audit_labels(dataset, "ground_truth", **WITH_FILES)
    return Snapshot(dataset, module_folder)


@pytest.fixture
def audited(twelve: Snapshot) -> Any:
    """Twelve images with suspects of a run ``lq``."""
    return twelve.put_back()


def suspects(dataset: Any) -> list[tuple[str, Any]]:
    """The id of its sample and each suspect that is not rejected."""
    dataset.reload()
    return [(one.id, region) for one in dataset for region in (one.lq_suspects.detections if one.lq_suspects else ())]


def verdict(region: Any) -> str | None:
    """The verdict on a suspect, which may have no such attribute."""
    return region.verdict if region.has_field("verdict") else None


def rejected(dataset: Any) -> dict[str, str]:
    """The id of each rejected region, and its verdict."""
    dataset.reload()
    paths = (f"lq_rejected.detections.{name}" for name in ("id", "verdict"))
    return dict(zip(*(dataset.values(one, unwind=True) for one in paths), strict=True))


def test_verdicts_outlive_a_search_that_finds_none_of_them(audited: Any, tmp_path: Path) -> None:
    from label_quality import export_clean_dataset, find_suspects, order_suspects, set_verdict
    from label_quality.plugin.review.decide import progress

    (holder, right), (_, wrong), (_, gone), (_, left) = suspects(audited)[:4]
    mask = cv2.imread(right.mask_path, cv2.IMREAD_UNCHANGED) > 0
    set_verdict(audited, "lq", [right.id], "confirmed", reviewer="ann")
    set_verdict(audited, "lq", [wrong.id], "rejected", reviewer="ann")
    app_edits.delete(audited, gone.id)
    find_suspects(audited, key="lq", **_NOTHING)
    ((_, kept),) = suspects(audited)
    assert (kept.id, kept.verdict, kept.reviewed_by) == (right.id, "confirmed", "ann")
    assert sorted(rejected(audited).values()) == ["deleted", "rejected"] and wrong.id in rejected(audited)
    assert (progress(audited, "lq").total, progress(audited, "lq").confirmed) == (3, 1)
    assert len(order_suspects(audited, "lq", "useful")) == 0
    with pytest.raises(LabelQualityError, match=r"1 of the 1 is not among the suspects .*Open the saved view again"):
        set_verdict(audited, "lq", [left.id], "confirmed")
    with pytest.raises(LabelQualityError, match=r"1 of the 1 is not among the suspects .*Open the saved view again"):
        order_suspects(audited, "lq", "similar", to=left.id)

    made = export_clean_dataset(audited, export_dir=tmp_path / "out")
    assert (made.images, made.regions, made.unclear) == (12, 1, ())
    targets = {name: value for value, name in audited.mask_targets["ground_truth"].items()}
    for sample in audited:
        expected = np.array(sample.ground_truth.get_mask())
        if sample.id == holder:
            top, x = round(right.bounding_box[1] * 24), round(right.bounding_box[0] * 32)
            expected[top : top + mask.shape[0], x : x + mask.shape[1]][mask] = targets[right.suggested]
        written = cv2.imread(str(tmp_path / "out" / "labels" / Path(sample.ground_truth.mask_path).name), -1)
        assert np.array_equal(written, expected), sample.index
    # Found again, the same ones have their verdicts, and the others none
    find_suspects(audited, key="lq", min_probability=0.0, overwrite=True)
    told = [verdict(region) for _, region in suspects(audited)]
    assert told.count("confirmed") == 1 and set(told) == {"confirmed", None}
    assert sorted(rejected(audited).values()) == ["deleted", "rejected"]


def test_a_drawn_suspect_is_judged_in_its_place_after_a_new_search(audited: Any) -> None:
    from label_quality import estimate_errors, find_suspects, set_verdict
    from label_quality.plugin.dataset.sample_fields import read_units

    drawn = {"key": "lq", "verdicts": 10, "suspects": 30, "images": 0}
    total = estimate_errors(audited, **drawn).suspects.shown
    units = [one for one in read_units(audited, "lq") if one["unit"] == "suspect"]
    find_suspects(audited, key="lq", min_probability=0.0, overwrite=True)
    assert not {one["suspect"] for one in units} & {region.id for _, region in suspects(audited)}
    set_verdict(audited, "lq", [str(units[0]["_id"])], "confirmed", reviewer="ann")
    set_verdict(audited, "lq", [str(units[1]["_id"])], "rejected", reviewer="ann")
    (confirmed,) = (region for _, region in suspects(audited) if verdict(region))
    pair, box = (units[0]["given"], units[0]["suggested"]), units[0]["bounding_box"]
    assert (confirmed.verdict, (confirmed.given, confirmed.suggested), list(confirmed.bounding_box)) == (
        *("confirmed", pair),
        pytest.approx(box),
    )
    assert list(rejected(audited).values()) == ["rejected"]
    # The other way round: judged as a suspect, what was drawn needs no verdict
    place = next(region for sample_id, region in suspects(audited) if sample_id == units[2]["sample"])
    other = next(one for one in units[2:] if list(one["bounding_box"]) == pytest.approx(list(place.bounding_box)))
    set_verdict(audited, "lq", [place.id], "confirmed")
    assert other.get("verdict") is None
    assert (estimate_errors(audited, **drawn).suspects.judged, total) == (3, len(units))
    # What is not found any more is judged by what was drawn of it
    find_suspects(audited, key="lq", **_NOTHING)
    last = units[-1]
    set_verdict(audited, "lq", [str(last["_id"])], "rejected")
    found = estimate_errors(audited, **drawn)
    assert found.suspects.judged == 4 and found.open_suspects == 0


def test_what_was_redrawn_is_judged_and_what_was_deleted_is_no_suspect(audited: Any) -> None:
    from label_quality import estimate_errors, load_record

    drawn = {"key": "lq", "verdicts": 10, "suspects": 30, "images": 0}
    before = [region for _, region in suspects(audited)]
    app_edits.delete(audited, before[0].id)
    found = estimate_errors(audited, **drawn)
    assert found.open_suspects == found.suspects.shown == len(before) - 1
    assert before[0].id not in load_record(audited, "lq").sample.suspects.regions
    app_edits.redraw(audited, before[1].id, np.ones((9, 9)), [0.0, 0.0, 0.25, 0.25])
    app_edits.delete(audited, before[2].id)
    found = estimate_errors(audited, **drawn)
    # The one is wrong; of the other nobody has said what it is, and what was drawn of it is there to be judged
    assert (found.suspects.judged, found.open_suspects) == (1, len(before) - 3)
    assert list(rejected(audited).values()) == ["deleted", "deleted"]
