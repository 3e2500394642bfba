"""Two runs compared on a real database: by hand on runs that are written, and on masks of two fields."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from label_quality.plugin.base.errors import LabelQualityError

from ..predicted import WITH_FILES, add_predictions
from ..snapshots import Snapshot
from ..suspect_run import add_run
from ..turns import while_another_writes


@pytest.fixture
def two_runs(make_dataset: Any, tmp_path: Path) -> Any:
    """Runs ``one`` and ``two``, alike but for what is changed here by hand: see `suspect_run` for what they have."""
    dataset = make_dataset(count=6)
    for key in ("one", "two"):
        add_run(dataset, tmp_path, key, rated=True)
    # By index: 0.9 0.2 0.5 0.1 none 0.7 in the one, and in the other
    dataset.set_values("two_quality", [0.9, 0.6, 0.4, 0.3, 0.8, None])
    samples = list(dataset)
    for index, change in ((1, lambda found: found[1:]), (2, lambda found: [])):
        samples[index]["two_suspects"].detections = change(samples[index]["two_suspects"].detections)
        samples[index].save()
    moved = samples[3]["two_suspects"].detections[0]
    moved.bounding_box = [moved.bounding_box[0] + 0.02, *moved.bounding_box[1:]]
    samples[3].save()
    other = samples[5]["two_suspects"].detections[0]
    other.suggested = "tree"
    samples[5].save()
    dataset.reload()
    return dataset


def test_a_comparison_by_hand(two_runs: Any) -> None:
    from label_quality import compare_runs
    from label_quality.plugin.compare.comparison import changed_view
    from label_quality.plugin.compare.text import comparison_sentences, image_rows, issue_rows

    found = compare_runs(two_runs, "one", "two")
    # Images 0 to 3 have both; 4 is new, and 5 has no quality any more
    assert (found.images, found.only_before, found.only_after) == (4, 1, 1)
    assert (found.better, found.worse) == (2, 1) and found.mean_change == pytest.approx(0.5 / 4)
    paths = two_runs.values("filepath")
    assert [one.filepath for one in found.gained] == [paths[1], paths[3]]
    assert [one.filepath for one in found.lost] == [paths[2]]
    # Of images that both have scored: 4 suspects before; one of image 1 and that of image 2 are gone, that of 3 moved
    assert (found.suspects_before, found.suspects_after, found.gone, found.new) == (4, 2, 2, 0)
    assert issue_rows(found) == [
        {"title": "car given as unlabelled", "before": "1", "after": "0", "rejected": "0", "change": "gone"},
        {"title": "tree given as unlabelled", "before": "1", "after": "0", "rejected": "0", "change": "gone"},
        {"title": "car given as road", "before": "2", "after": "2", "rejected": "0", "change": "0"},
    ]
    assert image_rows(found)[0] == {
        "image": Path(paths[2]).name,
        "before": "0.500",
        "after": "0.400",
        "change": "-0.100",
    }
    assert comparison_sentences(found) == [
        "Of 4 images, 2 have a higher quality in 'two' than in 'one' and 1 a lower one; the mean changed by +0.125.",
        "4 suspects before, 2 after: 2 gone, 0 new. Issues: 2 gone, 0 new.",
        "Scored by one run alone: 1 before, 1 after.",
    ]
    assert two_runs.values("two_change") == pytest.approx([0.0, 0.4, -0.1, 0.2, None, None])
    assert changed_view(two_runs, "two").values("filepath") == [paths[2], paths[0], paths[3], paths[1]]


def test_runs_that_were_scored_otherwise_are_told(two_runs: Any) -> None:
    from label_quality import compare_runs, load_record
    from label_quality.plugin.records.run_record import save_record
    from label_quality.plugin.scores.config import ScoreConfig

    def scored(key: str, missing: tuple[str, ...] = (), **parameters: Any) -> None:
        record = load_record(two_runs, key)
        record.config = {"scores": ScoreConfig(**parameters).to_dict()}
        record.scores_missing = dict.fromkeys(missing, "no probabilities")
        save_record(two_runs, record)

    scored("one")
    scored("two")
    assert compare_runs(two_runs, "one", "two").notes == []
    scored("two", temperature=0.2, displaced_edges=False)
    start = "The change of quality is not of the masks alone, as "
    end = "in run 'two': score one of them again as the other."
    assert compare_runs(two_runs, "one", "two").notes == [
        f"{start}temperature is 0.1 in run 'one' and 0.2 {end}",
        f"{start}displaced edges is True in run 'one' and False {end}",
    ]
    scored("two", missing=("evidence", "softmin", "clc"))
    assert compare_runs(two_runs, "one", "two").notes == [f"{start}quality is evidence in run 'one' and ccp {end}"]


def suspect(dataset: Any, key: str, index: int, place: int = 0) -> str:
    """The id of a suspect of an image."""
    return str(list(dataset)[index][f"{key}_suspects"].detections[place].id)


def test_what_was_rejected_before_is_not_new(two_runs: Any) -> None:
    from label_quality import compare_runs, load_record, set_verdict
    from label_quality.plugin.compare.text import comparison_sentences, issue_rows

    # Both of image 1, of which the run two has the second; that of image 3, which has moved; one that is gone in two
    places = [(1, 0), (1, 1), (3, 0), (2, 0)]
    rejected = [suspect(two_runs, "one", *place) for place in places]
    set_verdict(two_runs, "one", rejected[:3], "rejected")
    set_verdict(two_runs, "one", rejected[3:], "confirmed")
    kept = two_runs.values("two_suspects.detections.id")
    found = compare_runs(two_runs, "one", "two")
    assert (found.suspects_before, found.suspects_after) == (1, 2)
    assert (found.gone, found.new, found.rejected_before) == (1, 0, 2)
    assert issue_rows(found) == [
        {"title": "car given as unlabelled", "before": "1", "after": "0", "rejected": "0", "change": "gone"},
        {"title": "car given as road", "before": "0", "after": "2", "rejected": "2", "change": "0"},
    ]
    text = "1 suspect before, 2 after: 1 gone, 0 new, 2 rejected before. Issues: 1 gone, 0 new."
    assert text in comparison_sentences(found)
    assert load_record(two_runs, "two").comparison == found
    assert two_runs.values("two_suspects.detections.id") == kept
    # Backwards there is nothing that was rejected, and what was is none of the run after
    back = compare_runs(two_runs, "two", "one")
    assert (back.suspects_before, back.suspects_after, back.gone, back.new) == (2, 1, 2, 1)
    assert back.rejected_before == 0
    # The verdicts taken back, they are suspects of both again
    set_verdict(two_runs, "one", rejected, None)
    found = compare_runs(two_runs, "one", "two")
    assert (found.suspects_before, found.gone, found.new, found.rejected_before) == (4, 2, 0, 0)


def test_of_a_suspect_between_a_rejected_and_an_open_one_the_nearer_counts(two_runs: Any) -> None:
    from label_quality import compare_runs, set_verdict

    samples = list(two_runs)
    first = samples[3]["one_suspects"].detections[0]
    left, top, width, height = first.bounding_box
    other = first.copy()
    other.evidence, other.bounding_box = 40.0, [left + width / 4, top, width, height]
    samples[3]["one_suspects"].detections.append(other)
    for sample, evidence, part in ((samples[3], 60.0, 0.2), (samples[3], 61.0, 0.05)):
        new = first.copy()
        new.evidence, new.bounding_box = evidence, [left + part * width, top, width, height]
        sample["two_suspects"].detections.append(new)
    samples[3]["two_suspects"].detections.pop(0)
    samples[3].save()
    set_verdict(two_runs, "one", [other.id], "rejected")
    found = compare_runs(two_runs, "one", "two")
    assert (found.new, found.rejected_before) == (0, 1)
    set_verdict(two_runs, "one", [first.id], "rejected")
    found = compare_runs(two_runs, "one", "two")
    assert (found.new, found.rejected_before) == (0, 2)


def test_a_suspect_that_the_app_has_given_the_class_of_the_mask_is_rejected(two_runs: Any) -> None:
    from label_quality import compare_runs

    samples = list(two_runs)
    samples[3]["one_suspects"].detections[0].label = "road"
    samples[3].save()
    found = compare_runs(two_runs, "one", "two")
    assert (found.suspects_before, found.new, found.rejected_before) == (3, 0, 1)


def test_a_comparison_that_an_earlier_version_has_kept_is_read(two_runs: Any) -> None:
    from label_quality import compare_runs
    from label_quality.plugin.records.run_record import RunRecord, load_record

    found = compare_runs(two_runs, "one", "two")
    content = load_record(two_runs, "two").to_dict()
    kept = content["extra"]["comparison"]
    assert kept.pop("rejected_before") == 0 and [one.pop("rejected") for one in kept["issues"]] == [0, 0, 0]
    assert RunRecord.from_dict(content).comparison == found


def test_the_images_that_changed_have_saved_views(two_runs: Any, fiftyone: Any) -> None:
    from label_quality import LabelQualityError, compare_runs, delete_run

    paths = two_runs.values("filepath")
    two_runs.save_view("mine", two_runs.view())
    found = compare_runs(two_runs, "one", "two")
    assert found.views == ["two: quality fell", "two: quality rose"]
    assert two_runs.load_saved_view("two: quality fell").values("filepath") == [paths[2]]
    assert two_runs.load_saved_view("two: quality rose").values("filepath") == [paths[1], paths[3]]
    assert two_runs.list_saved_views().count("two: quality fell") == 1
    two_runs.save_view("one: quality rose", two_runs.view())
    with pytest.raises(LabelQualityError, match="'one: quality rose'"):
        compare_runs(two_runs, "two", "one")
    assert not two_runs.has_sample_field("one_change")
    compare_runs(two_runs, "one", "two")
    delete_run(two_runs, "two")
    assert [name for name in two_runs.list_saved_views() if "quality" in name] == ["one: quality rose"]
    assert "mine" in two_runs.list_saved_views()


def test_the_field_is_the_runs_and_is_replaced_by_the_next_comparison(two_runs: Any) -> None:
    from label_quality import compare_runs, delete_run
    from label_quality.plugin.documents.ownership import own_fields

    compare_runs(two_runs, "one", "two")
    two_runs.set_values("one_quality", [None, 0.1, 0.1, 0.1, 0.1, 0.1])
    compare_runs(two_runs, "one", "two")
    assert two_runs.values("two_change") == pytest.approx([None, 0.5, 0.3, 0.2, 0.7, None])
    assert "two_change" in own_fields(two_runs, "two") and "two_change" in two_runs.list_indexes()
    backwards = compare_runs(two_runs, "two", "one")
    assert backwards.mean_change == pytest.approx(-compare_runs(two_runs, "one", "two").mean_change)
    assert "of run 'one'" in two_runs.get_field("two_change").description
    delete_run(two_runs, "two")
    two_runs.reload()
    assert not two_runs.has_sample_field("two_change") and two_runs.has_sample_field("one_change")


def test_a_comparison_is_written_when_its_turn_has_come(two_runs: Any) -> None:
    from label_quality import compare_runs

    record = while_another_writes(two_runs, "two", lambda: compare_runs(two_runs, "one", "two"))
    assert record.comparison is not None and record.comparison.better == 2
    assert two_runs.values("two_change") == pytest.approx([0.0, 0.4, -0.1, 0.2, None, None])
    assert not list(Path(record.folder).parent.glob(".lock*"))


def test_a_comparison_of_a_clones_runs_leaves_no_folder(two_runs: Any, fiftyone: Any) -> None:
    from label_quality import compare_runs
    from label_quality.plugin.runs.housekeeping import dataset_folder, default_parent

    clone = two_runs.clone()
    try:
        assert compare_runs(clone, "one", "two").better == 2
        assert not dataset_folder(clone, default_parent()).exists()
    finally:
        clone.delete()


def test_masks_of_two_fields_are_compared(make_dataset: Any, tmp_path: Path, fiftyone: Any) -> None:
    from label_quality import audit_labels, compare_runs

    dataset = add_predictions(make_dataset(count=4, sizes=((48, 64),)), tmp_path)
    before, after, paths = [], [], []
    for index, mask in enumerate(dataset.values("ground_truth.mask_path")):
        values = cv2.imread(mask, cv2.IMREAD_UNCHANGED)
        corrected = values.copy()
        if index < 2:
            corrected[:10, :20] = 7
        paths.append(str(tmp_path / f"corrected-{index}.png"))
        cv2.imwrite(paths[-1], corrected)
        before.append(values)
        after.append(corrected)
    dataset.set_values("corrected", [fiftyone.Segmentation(mask_path=path) for path in paths])
    dataset.mask_targets = {**dataset.mask_targets, "corrected": dataset.mask_targets["ground_truth"]}
    dataset.save()
    for key, field in (("lq", "ground_truth"), ("new", "corrected")):
        audit_labels(dataset, field, key=key, **WITH_FILES)
    found = compare_runs(dataset, "lq", "new")
    first, second = np.stack(before), np.stack(after)
    assert found.changed_pixels == pytest.approx((first != second).mean())
    for one in found.classes:
        value = {"unlabelled": 0, "road": 3, "car": 7, "tree": 20}[one.name]
        both, either = ((first == value) & (second == value)).sum(), ((first == value) | (second == value)).sum()
        assert one.masks == pytest.approx(both / either)
        assert one.before is not None and one.after is not None
    assert found.masks_miou == pytest.approx(np.mean([one.masks for one in found.classes]))
    assert found.notes == []


def test_what_cannot_be_compared_is_refused(two_runs: Any, dataset: Any) -> None:
    from label_quality import compare_runs
    from label_quality.plugin.records.run_record import RunRecord, save_record

    with pytest.raises(
        LabelQualityError, match="Expected parameter `after` to be another run than 'one', but got 'one'"
    ):
        compare_runs(two_runs, "one", "one")
    with pytest.raises(LabelQualityError, match="Expected parameter `before` to be the key of a run, but got ''"):
        compare_runs(two_runs)
    with pytest.raises(LabelQualityError, match="has no label quality run 'three'"):
        compare_runs(two_runs, "one", "three")
    save_record(two_runs, RunRecord("three", "ground_truth", status="predicted"))
    with pytest.raises(LabelQualityError, match="Run 'three' has no scores to compare, as it is predicted"):
        compare_runs(two_runs, "one", "three")
    two_runs.set_values("one_quality", [0.5, None, None, None, None, None])
    two_runs.set_values("two_quality", [None, 0.5, None, None, None, None])
    with pytest.raises(LabelQualityError, match="have no image in common that both have scored"):
        compare_runs(two_runs, "one", "two")
    assert not two_runs.has_sample_field("two_change")


def test_form_call_and_what_is_shown(two_runs: Any, dataset: Any) -> None:
    from ..operators.calls import Calls, errors

    calls = Calls("@label-quality/segmentation/compare_runs")
    text = "There are fewer than two scored runs: audit again with another name first."
    assert errors(calls.form(dataset)) == {"error_before": text}
    properties = calls.form(two_runs)
    assert errors(properties) == {} and (properties["before"].default, properties["after"].default) == ("one", "two")
    assert errors(calls.form(two_runs, before="two")) == {"after": "Choose another run than 'two'."}
    result = calls.operator()(two_runs, "one", "two", progress=False).result
    assert calls.operator().message(result).startswith("Of 4 images, 2 have a higher quality in 'two'")
    shown = calls.operator().output(result).to_json()["type"]["properties"]
    assert {"message", "issue_rows", "image_rows"} <= set(shown)
    view = calls.operator().shown(calls.context(two_runs), result)
    assert len(view) == 4


def kept(dataset: Any) -> dict[str, Any]:
    """All that a comparison of ``one`` with ``two`` changes, and what it leaves as it is."""
    from label_quality import load_record

    dataset.reload()
    records = [load_record(dataset, key).to_dict() for key in ("one", "two")]
    comparison = records[1]["extra"].pop("comparison", None)
    schema = dataset.get_field_schema(flat=True)
    return {
        "records": records,
        "comparison": comparison and {**comparison, "created": ""},
        "values": dataset.values("two_change") if "two_change" in schema else None,
        "about": schema["two_change"].description if "two_change" in schema else None,
        "fields": sorted(schema),
        "views": {one.name: _stages_and_images(dataset, one) for one in dataset._doc.saved_views},
        "saved": sorted(dataset.list_saved_views()),
        "indexes": sorted(dataset.list_indexes()),
        "suspects": dataset.values("one_suspects.detections.id") + dataset.values("two_suspects.detections.id"),
    }


def _stages_and_images(dataset: Any, view: Any) -> tuple[list[str], list[str] | None]:
    """A saved view's stages, and its images; of one of suspects only the stages, which say the copy that has them."""
    of_suspects = any("_state" in stage for stage in view.view_stages)
    return list(view.view_stages), None if of_suspects else dataset.load_saved_view(view.name).values("id")


@pytest.mark.slow
def test_a_comparison_that_was_killed_at_any_write_is_made_whole_by_the_next(
    make_module_dataset: Any, module_folder: Path, interrupt: Any
) -> None:
    from label_quality import compare_runs

    dataset = make_module_dataset(count=6)
    for key in ("one", "two", "three"):
        add_run(dataset, module_folder, key, rated=True)
    dataset.set_values("two_quality", [0.9, 0.6, 0.4, 0.3, 0.8, None])
    dataset.set_values("three_quality", [0.1, 0.1, 0.9, 0.9, 0.1, 0.2])
    dataset.save_view("mine", dataset.view())
    # Another one of before is replaced
    compare_runs(dataset, "three", "two")
    start = Snapshot(dataset, module_folder)
    before = kept(dataset)
    found = compare_runs(dataset, "one", "two")
    expected = kept(dataset)
    assert expected["comparison"]["better"] == found.better == 2 and before["comparison"]["before"] == "three"
    assert expected["records"] == before["records"] and expected["suspects"] == before["suspects"]
    kills, none_kept = 0, 0
    for kill_at in count(1):
        dataset = start.put_back()
        answer = interrupt(dataset, "compare_runs", kill_at, before="one", after="two")
        if answer["signal"] == 0:
            break
        kills += 1
        left = kept(dataset)
        # Of the two runs nothing is lost, and what is kept of a comparison is whole
        assert left["records"] == before["records"] and left["suspects"] == before["suspects"], kill_at
        assert left["comparison"] in (before["comparison"], None, expected["comparison"]), kill_at
        if left["comparison"] is not None:
            whole = before if left["comparison"] == before["comparison"] else expected
            assert (left["values"], left["about"]) == (whole["values"], whole["about"]), kill_at
        none_kept += left["comparison"] is None
        assert "mine" in left["saved"]
        compare_runs(dataset, "one", "two")
        assert kept(dataset) == expected, kill_at
    assert kills > 8 and none_kept > 4 and kept(dataset) == expected
