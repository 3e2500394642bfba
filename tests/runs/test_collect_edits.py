"""What people do to suspects in the App's Annotate tab becomes verdicts, of which none is lost or counted twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from .. import app_edits, predicted
from ..snapshots import Snapshot

pytest.importorskip("fiftyone")


@pytest.fixture
def dataset(rated_run: Any) -> Any:
    """The run of `suspect_run`, without files of its search."""
    return rated_run


@pytest.fixture(scope="module")
def six(make_module_dataset: Any, module_folder: Path) -> Snapshot:
    from label_quality.plugin.audit import audit_labels

    dataset = predicted.add_predictions(make_module_dataset(count=6), module_folder)
    audit_labels(dataset, "ground_truth", **predicted.WITH_FILES)
    return Snapshot(dataset, module_folder)


@pytest.fixture
def audited(six: Snapshot) -> Any:
    """A real run, with its files."""
    return six.put_back()


def collect(dataset: Any, **parameters: Any) -> Any:
    from label_quality import collect_edits

    return collect_edits(dataset, "lq", **parameters)


def progress(dataset: Any) -> tuple[int, int, int]:
    from label_quality.plugin.review.decide import progress

    found = progress(dataset, "lq")
    return found.total, found.confirmed, found.rejected


def decide(dataset: Any, region_id: str, verdict: str | None, **more: Any) -> None:
    from label_quality.plugin.review.decide import set_verdict

    set_verdict(dataset, "lq", [region_id], verdict, **more)


def regions(dataset: Any, field: str = "lq_suspects") -> list[dict[str, Any]]:
    found = dataset._sample_collection.find().sort("_id")
    return [
        {**one, "sample": str(sample["_id"])}
        for sample in found
        for one in (sample.get(field) or {"detections": ()})["detections"]
    ]


def region(dataset: Any, suggested: str, given: str, field: str = "lq_suspects") -> dict[str, Any]:
    return next(
        one for one in regions(dataset, field) if (one.get("suggested"), one.get("given")) == (suggested, given)
    )


def other_class(region: dict[str, Any]) -> str:
    """A class that it is neither given nor suggested."""
    return next(name for name in ("road", "car", "tree") if name not in (region["given"], region["suggested"]))


def by_id(dataset: Any, region_id: Any, field: str = "lq_suspects") -> dict[str, Any]:
    return next(one for one in regions(dataset, field) if str(one["_id"]) == str(region_id))


def content(dataset: Any) -> list[dict[str, Any]]:
    return list(dataset._sample_collection.find().sort("_id"))


def test_a_redrawn_suspect_is_edited_with_its_shape_and_class(dataset: Any) -> None:
    before = region(dataset, "tree", "unlabelled")
    mask = np.zeros((386, 362), np.uint8)
    mask[:193] = 1
    app_edits.redraw(dataset, str(before["_id"]), mask, [0.5, 0.5, 0.375, 0.5])
    found = collect(dataset, reviewer="ann")
    assert (found.edited, found.added, found.renamed, found.rejected, found.deleted, found.unclear) == (
        1,
        0,
        0,
        0,
        0,
        (),
    )
    after = by_id(dataset, before["_id"])
    assert (after["verdict"], after["label"], after["corrected_to"], after["reviewed_by"]) == (
        "edited",
        "tree",
        None,
        "ann",
    )
    # 12 columns and 12 rows of 24 x 32 pixels, of which the upper half
    assert after["area"] == 72
    assert progress(dataset) == (5, 1, 0)
    assert dataset.load_saved_view("lq: suspect regions").count_values("lq_suspects.verdict") == {"edited": 1, None: 4}
    app_edits.rename(dataset, str(before["_id"]), "car")
    assert collect(dataset).edited == 1
    after = by_id(dataset, before["_id"])
    assert (after["verdict"], after["label"], after["corrected_to"]) == ("edited", "car", "car")
    assert collect(dataset).edited == 0


def test_a_confirmed_suspect_that_is_redrawn_is_edited(dataset: Any) -> None:
    before = region(dataset, "tree", "unlabelled")
    decide(dataset, str(before["_id"]), "confirmed", corrected_to="road", reviewer="ann")
    app_edits.redraw(dataset, str(before["_id"]), np.ones((9, 9)), [0.5, 0.5, 0.25, 0.25])
    assert progress(dataset) == (5, 1, 0)
    after = by_id(dataset, before["_id"])
    assert (after["verdict"], after["label"], after["corrected_to"]) == ("edited", "road", "road")


@pytest.mark.parametrize(
    ("label", "verdict", "expected"),
    [
        ("road", None, ("confirmed", "road", "road")),
        ("unlabelled", None, ("rejected", "tree", None)),
        ("road", "confirmed", ("confirmed", "road", "road")),
        ("unlabelled", "confirmed", ("rejected", "tree", None)),
    ],
)
def test_another_class_is_a_verdict(dataset: Any, label: str, verdict: str | None, expected: tuple[Any, ...]) -> None:
    before = region(dataset, "tree", "unlabelled")
    if verdict:
        decide(dataset, str(before["_id"]), verdict)
    app_edits.rename(dataset, str(before["_id"]), label)
    rejected = expected[0] == "rejected"
    assert progress(dataset) == (5, 0 if rejected else 1, int(rejected))
    after = by_id(dataset, before["_id"], "lq_rejected" if rejected else "lq_suspects")
    assert (after["verdict"], after["label"], after["corrected_to"]) == expected
    documents = content(dataset)
    assert progress(dataset)[0] == 5 and collect(dataset).renamed == 0
    assert content(dataset) == documents


def test_the_suggested_class_again_is_a_plain_confirmation(dataset: Any) -> None:
    before = region(dataset, "tree", "unlabelled")
    decide(dataset, str(before["_id"]), "confirmed", corrected_to="road")
    app_edits.rename(dataset, str(before["_id"]), "tree")
    assert collect(dataset).renamed == 1
    after = by_id(dataset, before["_id"])
    assert (after["verdict"], after["label"], after["corrected_to"]) == ("confirmed", "tree", None)


def test_an_added_region_counts_once_it_has_a_mask_and_a_class(dataset: Any) -> None:
    sample = dataset.first()
    box = app_edits.add(dataset, sample.id, "car", [0.5, 0.5, 0.25, 0.25])
    nameless = app_edits.add(dataset, sample.id, None, [0.1, 0.1, 0.25, 0.25], np.ones((5, 5)))
    drawn = app_edits.add(dataset, sample.id, "tree", [0.0, 0.0, 0.5, 0.5], np.ones((50, 60)))
    found = collect(dataset)
    place = f"Sample {sample.id} ({sample.filepath}): the region"
    assert found.unclear == (
        f"{place} 'car' has no mask. Draw one in the tab Annotate, or delete it.",
        f"{place} None has no class. Choose one for it in the tab Annotate, or delete it.",
    )
    assert (found.added, found.edited) == (1, 0)
    assert by_id(dataset, drawn)["verdict"] == "added" and by_id(dataset, drawn)["area"] == 12 * 16
    assert by_id(dataset, box).get("verdict") is None
    assert progress(dataset) == (8, 1, 0)
    app_edits.redraw(dataset, box, np.ones((9, 9)), [0.5, 0.5, 0.25, 0.25])
    app_edits.rename(dataset, nameless, "bus")
    found = collect(dataset)
    assert found.added == 1
    assert found.unclear == (
        f"{place} 'bus' is of the class 'bus', but the run has unlabelled, road, car, tree. Choose one of these, or "
        "delete it.",
    )
    assert progress(dataset) == (8, 2, 0)


def test_a_rejection_and_an_undo_of_what_was_drawn(dataset: Any) -> None:
    before = region(dataset, "tree", "unlabelled")
    app_edits.redraw(dataset, str(before["_id"]), np.ones((9, 9)), [0.5, 0.5, 0.25, 0.25])
    drawn = app_edits.add(dataset, before["sample"], "car", [0.0, 0.0, 0.5, 0.5], np.ones((50, 60)))
    for one in (str(before["_id"]), drawn):
        decide(dataset, one, "rejected")
    assert progress(dataset) == (6, 0, 2)
    for one in (str(before["_id"]), drawn):
        decide(dataset, one, None)
    # What was drawn says so for as long as it is there
    assert progress(dataset) == (6, 2, 0)
    assert by_id(dataset, before["_id"])["verdict"] == "edited" and by_id(dataset, drawn)["verdict"] == "added"


def test_a_verdict_that_is_given_meanwhile_is_kept(dataset: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from label_quality.plugin.dataset import region_edits

    before = region(dataset, "tree", "unlabelled")
    app_edits.redraw(dataset, str(before["_id"]), np.ones((9, 9)), [0.5, 0.5, 0.25, 0.25])
    write = region_edits.declare

    def late(*arguments: Any) -> None:
        monkeypatch.setattr(region_edits, "declare", write)
        decide(dataset, str(before["_id"]), "rejected", reviewer="bob")

    monkeypatch.setattr(region_edits, "declare", late)
    collect(dataset, reviewer="ann")
    after = by_id(dataset, before["_id"], "lq_rejected")
    assert (after["verdict"], after["reviewed_by"]) == ("rejected", "bob")
    assert progress(dataset) == (5, 0, 1)


def test_a_deleted_suspect_is_kept_as_such(audited: Any) -> None:
    total = len(regions(audited))
    gone, other = regions(audited)[:2]
    app_edits.delete(audited, str(gone["_id"]))
    assert progress(audited) == (total - 1, 0, 0)
    found = collect(audited, reviewer="ann")
    assert found.deleted == 1 and progress(audited) == (total, 0, 1)
    (kept,) = regions(audited, "lq_rejected")
    ours = ("_id", "verdict", "reviewed_by", "reviewed_at", "sample", "corrected_to")
    assert {**kept, **dict.fromkeys(ours)} == {**gone, **dict.fromkeys(ours)}
    assert (kept["verdict"], kept["reviewed_by"]) == ("deleted", "ann")
    documents = content(audited)
    assert collect(audited).deleted == 0 and content(audited) == documents
    # A verdict on another suspect of the image leaves it where it is; an undo puts it back
    decide(audited, str(other["_id"]), "confirmed")
    assert [one["verdict"] for one in regions(audited, "lq_rejected")] == ["deleted"]
    decide(audited, str(kept["_id"]), None)
    assert progress(audited) == (total, 1, 0)


def test_two_who_notice_a_deletion_at_once_keep_it_once(audited: Any) -> None:
    from label_quality.plugin.dataset import region_edits
    from label_quality.plugin.records.run_record import load_record
    from label_quality.plugin.runs.collect_edits import _differences

    total = len(regions(audited))
    gone = regions(audited)[0]
    app_edits.delete(audited, str(gone["_id"]))
    both = [list(_differences(audited, load_record(audited, "lq"))) for _ in range(2)]
    for found in both:
        for missing, _ in found:
            region_edits.record_deleted(audited, "lq", missing)
    assert progress(audited) == (total, 0, 1)


def test_a_moved_suspect_is_edited(audited: Any) -> None:
    before = regions(audited)[0]
    left, top, width, height = before["bounding_box"]
    app_edits.move(audited, str(before["_id"]), [left, top + 1e-9, width, height])
    assert collect(audited).edited == 0
    app_edits.move(audited, str(before["_id"]), [left, top, width / 2, height])
    assert collect(audited).edited == 1
    after = by_id(audited, before["_id"])
    assert (after["verdict"], after["mask_path"]) == ("edited", before["mask_path"])
    assert after["area"] == pytest.approx(before["area"] / 2, abs=1)
    assert collect(audited).edited == 0


def test_what_was_edited_goes_through_a_new_search(audited: Any) -> None:
    from label_quality import find_suspects

    redrawn, renamed, moved, deleted, *_ = regions(audited)
    app_edits.redraw(audited, str(redrawn["_id"]), np.ones((9, 9)), [0.0, 0.0, 0.25, 0.25])
    app_edits.rename(
        audited,
        str(renamed["_id"]),
        other_class(renamed),
    )
    app_edits.move(audited, str(moved["_id"]), [0.0, 0.0, 0.25, 0.25])
    app_edits.delete(audited, str(deleted["_id"]))
    for _ in range(2):
        find_suspects(audited, key="lq", min_probability=0.0, overwrite=True)
        audited.reload()
        found = {one["evidence"]: one for one in [*regions(audited), *regions(audited, "lq_rejected")]}
        verdicts = [found[one["evidence"]]["verdict"] for one in (redrawn, renamed, moved, deleted)]
        assert verdicts == ["edited", "confirmed", "edited", "deleted"]
        assert found[moved["evidence"]]["bounding_box"] == [0.0, 0.0, 0.25, 0.25]
        assert found[redrawn["evidence"]]["bounding_box"] == [0.0, 0.0, 0.25, 0.25]
        assert len(found) == len(regions(audited)) + len(regions(audited, "lq_rejected"))


def test_what_was_edited_can_be_restored(audited: Any) -> None:
    from label_quality import LabelQualityError, restore_suspects

    before = {str(one["_id"]): one for one in regions(audited)}
    redrawn, renamed, moved = list(before)[:3]
    app_edits.redraw(audited, redrawn, np.ones((9, 9)), [0.0, 0.0, 0.25, 0.25])
    app_edits.rename(audited, renamed, other_class(before[renamed]))
    app_edits.move(audited, moved, [0.0, 0.0, 0.25, 0.25])
    collect(audited)
    restore_suspects(audited, "lq", [redrawn, renamed, moved])
    ours = ("verdict", "reviewed_by", "reviewed_at", "corrected_to")
    after = {str(one["_id"]): one for one in regions(audited)}
    assert {one: {**before[one], **dict.fromkeys(ours)} for one in before} == {
        one: {**after[one], **dict.fromkeys(ours)} for one in after
    }
    assert all(one.get(name) is None for one in after.values() for name in ours)
    added = app_edits.add(audited, before[redrawn]["sample"], "car", [0.0, 0.0, 0.5, 0.5], np.ones((5, 5)))
    with pytest.raises(
        LabelQualityError, match=r"A region that was added by hand has nothing to go back to. Delete it in"
    ):
        restore_suspects(audited, "lq", [redrawn, added])
    Path(before[redrawn]["mask_path"]).unlink()
    with pytest.raises(
        LabelQualityError, match=r"The shape of 1 of the 2 is no longer among the files of run 'lq'\. Find"
    ):
        restore_suspects(audited, "lq", [redrawn, renamed])


def test_exports_take_what_was_edited(audited: Any, tmp_path: Path) -> None:
    from label_quality import export_clean_dataset, write_corrected_masks

    redrawn, renamed = regions(audited)[:2]
    names = {0: "unlabelled", 3: "road", 7: "car", 20: "tree"}
    right = other_class(renamed)
    app_edits.rename(audited, str(renamed["_id"]), right)
    app_edits.redraw(audited, str(redrawn["_id"]), np.ones((120, 160)), [0.0, 0.0, 0.25, 0.25])
    box = app_edits.add(audited, redrawn["sample"], "car", [0.5, 0.5, 0.25, 0.25])
    expected = {}
    for one, place, name in (
        (redrawn, np.s_[0:6, 0:8], redrawn["suggested"]),
        (renamed, None, right),
    ):
        sample = audited[one["sample"]]
        mask = expected.setdefault(Path(sample.filepath).stem, np.array(sample.ground_truth.get_mask()))
        value = next(value for value, known in names.items() if known == name)
        if place is None:
            left, top, width, height = (
                round(share * side) for share, side in zip(one["bounding_box"], (32, 24) * 2, strict=True)
            )
            mask[top : top + height, left : left + width][cv2.imread(one["mask_path"], cv2.IMREAD_UNCHANGED) > 0] = (
                value
            )
        else:
            mask[place] = value
    made = export_clean_dataset(audited, export_dir=tmp_path / "out")
    assert made.regions == 2
    (doubt,) = made.unclear
    assert "the region 'car' has no mask. Draw one in the tab Annotate, or delete it." in doubt
    for stem, mask in expected.items():
        written = cv2.imread(str(tmp_path / "out" / "labels" / f"{stem}.png"), cv2.IMREAD_UNCHANGED)
        assert np.array_equal(written, mask), stem
    app_edits.delete(audited, box)
    corrected = write_corrected_masks(audited, output_dir=tmp_path / "masks")
    assert (corrected.images, corrected.regions) == (len(expected), 2)
    for stem, mask in expected.items():
        assert np.array_equal(cv2.imread(str(tmp_path / "masks" / f"{stem}.png"), cv2.IMREAD_UNCHANGED), mask), stem


def test_a_run_without_suspects_says_what_to_do(dataset: Any, make_dataset: Any) -> None:
    from label_quality import LabelQualityError

    dataset.delete_sample_field("lq_suspects")
    with pytest.raises(LabelQualityError, match="Run 'lq' has no suspects that could have been edited: find suspects"):
        collect(dataset)
    with pytest.raises(LabelQualityError, match="has no label quality run 'lq'"):
        collect(make_dataset(count=1))


def test_what_a_new_search_is_just_replacing_is_not_deleted(audited: Any) -> None:
    """For one who has read the run's record before: the suspects that are no longer found are not gone by a person."""
    from label_quality import find_suspects, load_record
    from label_quality.plugin.runs.collect_edits import edits_of

    before, edits = load_record(audited, "lq"), []

    def look_just_then(stage: str, done: int, total: int) -> None:
        if stage == "Writing suspects":
            edits.append(edits_of(audited, before))

    regions_before = len(regions(audited))
    find_suspects(audited, key="lq", progress=look_just_then, min_probability=0.9)
    assert len(regions(audited)) < regions_before
    assert [one.deleted for one in edits] == [0]
    assert regions(audited, "lq_rejected") == []


def test_a_suspect_that_was_deleted_stays_so_in_a_run_that_replaces_it(audited: Any) -> None:
    from label_quality.plugin.audit import audit_labels

    gone = regions(audited)[0]
    app_edits.delete(audited, str(gone["_id"]))
    audit_labels(audited, "ground_truth", overwrite=True, **predicted.WITH_FILES)
    (kept,) = regions(audited, "lq_rejected")
    assert (kept["verdict"], kept["sample"], kept["evidence"]) == ("deleted", gone["sample"], gone["evidence"])
