"""Verdicts on suspects: on the samples, in the patches, through new searches, and taken back."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import cv2
import numpy as np
import pytest

from ..suspect_run import issue

pytest.importorskip("fiftyone")

KEY = "lq"
#: Rows of a search: sample index, given, suggested, kind, evidence, box (left, top, width, height) in 24x32 pixels
FOUND = [
    (0, 1, 2, "swap", 9.0, (0, 0, 8, 8)),
    (0, 0, 2, "drop", 4.0, (16, 0, 8, 8)),
    (2, 0, 2, "drop", 7.0, (8, 8, 8, 8)),
    (3, 0, 3, "drop", 39.0, (0, 0, 16, 16)),
]


@pytest.fixture
def review(fiftyone: Any) -> Any:
    from label_quality.plugin.review import decide as review

    return review


@pytest.fixture
def search(dataset: Any, tmp_path: Any) -> Any:
    """A function that writes the suspects of a search with the given rows, as a run does."""
    from label_quality.plugin.dataset.fields import Columns, ResultRows, write_results
    from label_quality.plugin.dataset.suspect_fields import write_suspects
    from label_quality.plugin.dataset.views import delete_suspect_views, save_suspect_views
    from label_quality.plugin.labels.class_table import ClassTable
    from label_quality.plugin.records.run_record import RunRecord, save_record
    from label_quality.plugin.suspects.image_suspects import ImageSuspects

    table = ClassTable.from_targets({0: "unlabelled", 3: "road", 7: "car", 20: "tree"})
    ids = dataset.values("id")
    rows = ResultRows(ids, {"softmin": np.array([0.1, 0.4, 0.3, 0.2])})
    save_record(dataset, RunRecord(KEY, "ground_truth", class_table=table.to_dict()))

    def image(index: int, rows: list[Any]) -> ImageSuspects:
        _, given, suggested, kind, evidence, box = zip(*rows, strict=True) if rows else [()] * 6
        return ImageSuspects(
            sample_id=ids[index],
            size=(24, 32),
            given=np.array(given, np.int16),
            suggested=np.array(suggested, np.int16),
            kind=list(kind),
            evidence=np.array(evidence, float),
            area=np.array([width * height for _, _, width, height in box], np.int64),
            confidence=np.full(len(rows), 0.75),
            box=np.array(box, np.int32).reshape(-1, 4),
            masks=[str(tmp_path / f"{index}-{row}.png") for row in range(len(rows))],
        )

    def write(found: list[Any] = FOUND, **options: Any) -> None:
        if not dataset.has_sample_field("lq_quality"):
            write_results(dataset, KEY, [rows], Columns(("softmin",)), class_table=table, label_field="ground_truth")
        images = [image(index, [row for row in found if row[0] == index]) for index in range(4)]
        delete_suspect_views(dataset, KEY)
        write_suspects(dataset, KEY, images, class_table=table, label_field="ground_truth", **options)
        save_suspect_views(dataset, KEY, [issue("unlabelled", "car", title="car left out", evidence=1.0)])

    for index, (_, _, _, _, _, (_, _, width, height)) in enumerate(FOUND):
        mask = np.zeros((height, width), np.uint8)
        mask[: height // 2] = 255
        cv2.imwrite(str(tmp_path / f"{FOUND[index][0]}-{index if index < 2 else 0}.png"), mask)
    return write


@pytest.fixture
def found(search: Any, dataset: Any) -> Any:
    """The dataset with the suspects of `FOUND`."""
    search()
    return dataset


def regions(dataset: Any, index: int, field: str = "lq_suspects") -> list[Any]:
    label = dataset.skip(index).first()[field]
    return label.detections if label is not None else []


def region(dataset: Any, index: int, row: int = 0) -> str:
    return regions(dataset, index)[row].id


def verdicts(dataset: Any, index: int) -> list[str | None]:
    return dataset.values("lq_suspects.detections.verdict")[index]


def patches(dataset: Any, name: str = "suspect regions") -> Any:
    return dataset.load_saved_view(f"lq: {name}")


def content(dataset: Any) -> list[dict[str, Any]]:
    """The samples as they are kept, less the times of change and attributes without a value."""
    documents = list(dataset._sample_collection.find())
    for one in documents:
        one.pop("last_modified_at")
        for suspect in (one.get("lq_suspects") or {}).get("detections", []):
            for name in [name for name, value in suspect.items() if value is None]:
                suspect.pop(name)
    return documents


def test_a_confirmed_region_says_who_and_when(review: Any, found: Any) -> None:
    chosen = region(found, 3)
    review.set_verdict(found, KEY, [chosen], "confirmed", reviewer="ada")
    expected = ("tree", "confirmed", None, "ada")
    patch = patches(found).first()
    for one in (regions(found, 3)[0], patch.lq_suspects):
        assert (one.label, one.verdict, one.corrected_to, one.reviewed_by) == expected
        assert abs(datetime.utcnow() - one.reviewed_at) < timedelta(minutes=1)
    assert patch.id == chosen
    assert review.progress(found, KEY) == review.ReviewProgress(total=4, confirmed=1, rejected=0)


def test_the_reviewer_is_the_user_of_the_computer(review: Any, found: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("getpass.getuser", lambda: "grace")
    review.set_verdict(found, KEY, [region(found, 3)], "confirmed")
    assert regions(found, 3)[0].reviewed_by == "grace"


def test_attributes_are_declared_and_described(fiftyone: Any, review: Any, found: Any) -> None:
    schema = found.get_field_schema(flat=True)
    names = ("verdict", "corrected_to", "reviewed_by", "reviewed_at")
    assert [type(schema[f"lq_suspects.detections.{name}"]).__name__ for name in names] == [
        *("StringField", "StringField", "StringField", "DateTimeField")
    ]
    assert "lq_rejected" not in schema
    review.set_verdict(found, KEY, [region(found, 0)], "rejected")
    schema = found.get_field_schema(flat=True)
    for name in (*names, "given", "suggested", "error_type", "evidence", "area"):
        one, other = (schema[f"{field}.detections.{name}"] for field in ("lq_suspects", "lq_rejected"))
        assert (type(one), one.description) == (type(other), other.description)
        assert one.description
    assert schema["lq_rejected"].description


def test_another_class_is_the_label_and_the_suggestion_stays(review: Any, found: Any) -> None:
    review.set_verdict(found, KEY, [region(found, 2)], "confirmed", corrected_to="road")
    one = regions(found, 2)[0]
    assert (one.label, one.suggested, one.corrected_to, one.verdict) == ("road", "car", "road", "confirmed")
    assert patches(found, "car left out").first().lq_suspects.label == "road"
    review.set_verdict(found, KEY, [one.id], "confirmed")
    assert (regions(found, 2)[0].label, regions(found, 2)[0].corrected_to) == ("car", None)


def test_a_rejected_region_is_gone_from_everywhere(review: Any, found: Any) -> None:
    chosen = region(found, 0)
    view = patches(found)
    review.set_verdict(found, KEY, [chosen], "rejected", reviewer="ada")
    assert [one.error_type for one in regions(found, 0)] == ["drop"]
    assert found.first().lq_error_type == "drop"
    assert len(found.load_saved_view("lq: swap suspects")) == 0
    assert chosen not in view.values("id")
    assert view.values("lq_suspects.evidence") == [39.0, 7.0, 4.0]
    # FiftyOne copies the patches anew when a user reloads the view
    view.reload()
    assert len(view) == 3
    (rejected,) = regions(found, 0, "lq_rejected")
    assert (rejected.id, rejected.verdict, rejected.reviewed_by, rejected.given) == (chosen, "rejected", "ada", "road")
    assert review.progress(found, KEY) == review.ReviewProgress(total=4, confirmed=0, rejected=1)


def test_an_image_without_suspects_left_has_no_error(review: Any, found: Any) -> None:
    review.set_verdict(found, KEY, [region(found, 2)], "rejected")
    assert found.skip(2).first().lq_error_type == "none"
    assert regions(found, 2) == []


def test_the_app_shows_rejected_regions_only_on_request(review: Any, found: Any) -> None:
    review.set_verdict(found, KEY, [region(found, 0)], "rejected")
    app = found.app_config
    assert "lq_suspects" in app.active_fields.paths
    assert "lq_rejected" not in app.active_fields.paths
    (group,) = [group for group in app.sidebar_groups if group.name == "Label quality (lq)"]
    assert "lq_rejected" in group.paths


def test_verdicts_can_be_taken_back(review: Any, found: Any) -> None:
    before, shown = content(found), patches(found).values("id")
    chosen = [region(found, 0), region(found, 0, 1), region(found, 2), region(found, 3)]
    review.set_verdict(found, KEY, chosen[:3], "rejected")
    review.set_verdict(found, KEY, chosen[3:], "confirmed", corrected_to="car")
    assert review.progress(found, KEY).reviewed == 4
    review.set_verdict(found, KEY, chosen, None)
    assert content(found) == before
    assert patches(found).values("id") == shown
    assert review.progress(found, KEY) == review.ReviewProgress(4, 0, 0)


def test_a_rejection_can_become_a_confirmation(review: Any, found: Any) -> None:
    chosen = region(found, 0)
    review.set_verdict(found, KEY, [chosen], "rejected")
    review.set_verdict(found, KEY, [chosen], "confirmed")
    assert regions(found, 0)[0].id == chosen
    assert regions(found, 0, "lq_rejected") == []
    assert patches(found).match({"_id": regions(found, 0)[0]._id}).first().lq_suspects.verdict == "confirmed"


def test_patches_put_back_are_those_that_fiftyone_makes(review: Any, found: Any) -> None:
    def documents() -> list[dict[str, Any]]:
        kept = patches(found)._dataset._sample_collection.find().sort("_id")
        left_out = ("_rand", "last_modified_at")
        return [{name: value for name, value in one.items() if name not in left_out} for one in kept]

    review.set_verdict(found, KEY, patches(found).values("id"), "confirmed")
    review.set_verdict(found, KEY, patches(found).values("id"), None)
    before = documents()
    chosen = region(found, 0)
    review.set_verdict(found, KEY, [chosen], "rejected")
    assert len(documents()) == 3
    review.set_verdict(found, KEY, [chosen], None)
    assert documents() == before


def test_patches_of_the_users_that_are_on_show_follow(review: Any, found: Any) -> None:
    mine = found.to_patches("lq_suspects")
    review.set_verdict(found, KEY, [region(found, 0)], "rejected", view=mine)
    review.set_verdict(found, KEY, [region(found, 3)], "confirmed", view=mine)
    assert len(mine) == 3
    assert mine.count_values("lq_suspects.verdict") == {"confirmed": 1, None: 2}


def test_without_saved_views_the_samples_are_reviewed(review: Any, found: Any) -> None:
    from label_quality.plugin.dataset.views import delete_suspect_views

    delete_suspect_views(found, KEY)
    review.set_verdict(found, KEY, [region(found, 0)], "rejected")
    assert len(regions(found, 0)) == 1


def test_a_run_of_an_earlier_version_can_be_reviewed(review: Any, found: Any) -> None:
    view = patches(found)
    for dataset, path in ((found, "lq_suspects.detections"), (view._dataset, "lq_suspects")):
        names = [f"{path}.{name}" for name in ("verdict", "corrected_to", "reviewed_by", "reviewed_at")]
        dataset.remove_dynamic_sample_fields(names)
    review.set_verdict(found, KEY, [region(found, 3)], "confirmed")
    assert patches(found).match({"lq_suspects.verdict": "confirmed"}).values("id") == [region(found, 3)]


def test_a_new_search_keeps_the_verdicts_of_the_regions_that_it_finds_again(
    review: Any, found: Any, search: Any
) -> None:
    review.set_verdict(found, KEY, [region(found, 0)], "rejected", reviewer="ada")
    review.set_verdict(found, KEY, [region(found, 3)], "confirmed", corrected_to="car", reviewer="bob")
    # A little smaller, and of the same place but another class pair
    again = [
        (0, 1, 2, "swap", 8.0, (0, 0, 8, 6)),
        (0, 1, 3, "swap", 5.0, (0, 0, 8, 8)),
        (3, 0, 3, "drop", 30.0, (0, 0, 16, 15)),
    ]
    search(again)
    assert [(one.given, one.label) for one in regions(found, 0)] == [("road", "tree")]
    assert verdicts(found, 0) == [None]
    (rejected,) = regions(found, 0, "lq_rejected")
    assert (rejected.evidence, rejected.verdict, rejected.reviewed_by) == (8.0, "rejected", "ada")
    (confirmed,) = regions(found, 3)
    assert (confirmed.evidence, confirmed.label, confirmed.suggested) == (30.0, "car", "tree")
    assert (confirmed.verdict, confirmed.reviewed_by) == ("confirmed", "bob")
    assert regions(found, 3, "lq_rejected") == []
    assert review.progress(found, KEY) == review.ReviewProgress(3, 1, 1)
    assert patches(found).values("lq_suspects.evidence") == [30.0, 5.0]


#: As along both edges of a thin slanting pole: two suspects of one pair of classes whose boxes overlap by two thirds
BESIDE = [(0, 1, 2, "swap", 9.0, (0, 0, 16, 16)), (0, 1, 2, "swap", 8.0, (3, 0, 16, 16))]


@pytest.mark.parametrize(
    ("again", "kept"),
    [
        ([], [8.0]),
        ([(0, 1, 2, "swap", 7.5, (3, 0, 16, 16))], [7.5]),
        ([(0, 1, 2, "swap", 7.5, (3, 0, 16, 16)), (0, 1, 2, "swap", 6.0, (0, 0, 16, 15))], [7.5]),
    ],
)
def test_suspects_beside_one_another_keep_a_verdict_each(
    review: Any, found: Any, search: Any, again: list[Any], kept: list[float]
) -> None:
    search(BESIDE)
    first, second = (one.id for one in regions(found, 0))
    review.set_verdict(found, KEY, [second], "confirmed", reviewer="bob")
    review.set_verdict(found, KEY, [first], "rejected", reviewer="ada")
    search(again)
    assert [(one.evidence, one.verdict, one.reviewed_by) for one in regions(found, 0)] == [
        (nats, "confirmed", "bob") for nats in kept
    ]
    (rejected,) = regions(found, 0, "lq_rejected")
    assert (rejected.evidence, rejected.reviewed_by) == (6.0 if len(again) == 2 else 9.0, "ada")


def test_suspects_of_one_evidence_keep_a_verdict_each(review: Any, found: Any, search: Any) -> None:
    """As of predictions that are as sure everywhere, where evidence is the area."""
    equal = [(0, 1, 2, "swap", 9.0, (0, 0, 8, 8)), (0, 1, 2, "swap", 9.0, (16, 8, 8, 8))]
    search(equal)
    (there,) = (one.id for one in regions(found, 0) if one.bounding_box[0] > 0.4)
    review.set_verdict(found, KEY, [there], "confirmed")
    search(equal)
    lefts = [one.bounding_box[0] for one in regions(found, 0)]
    assert dict(zip(lefts, verdicts(found, 0), strict=True)) == {0.0: None, 0.5: "confirmed"}


def test_verdicts_on_regions_that_are_not_found_again_are_kept(review: Any, found: Any, search: Any) -> None:
    confirmed, rejected = region(found, 3), region(found, 0)
    review.set_verdict(found, KEY, [confirmed], "confirmed")
    review.set_verdict(found, KEY, [rejected], "rejected")
    search([(3, 0, 3, "drop", 50.0, (20, 16, 8, 8))])
    new, kept = regions(found, 3)
    assert (verdicts(found, 3), kept.id, new.evidence) == ([None, "confirmed"], confirmed, 50.0)
    # The file of the mask goes with the earlier search
    assert kept.mask_path is None
    assert kept.mask.shape == (16, 16)
    assert kept.mask[:8].all()
    assert not kept.mask[8:].any()
    assert [one.id for one in regions(found, 0, "lq_rejected")] == [rejected]
    assert found.first().lq_error_type == "none"
    search()
    assert verdicts(found, 3) == ["confirmed"]
    assert regions(found, 3)[0].mask_path is not None
    assert [one.suggested for one in regions(found, 0)] == ["car"]
    assert review.progress(found, KEY) == review.ReviewProgress(4, 1, 1)


def test_masks_that_were_drawn_in_the_app_are_kept(review: Any, found: Any, search: Any, fiftyone: Any) -> None:
    """Drawn: mask of bytes in the database, at the screen's resolution, no file, and a box that fits it."""
    box = [0.01, 0.01, 0.49, 0.6]
    for index in (0, 3):
        sample = found.match({"index": index}).first()
        drawn = sample.lq_suspects.detections[0]
        drawn.mask, drawn.mask_path, drawn.bounding_box = np.ones((40, 50), np.uint8), None, box
        if index == 0:
            added = {"bounding_box": [0.5, 0.5, 0.2, 0.2], "mask": np.ones((9, 9), np.uint8)}
            sample.lq_suspects.detections += [fiftyone.Detection(label=name, **added) for name in ("road", "tree")]
        sample.save()
    review.set_verdict(found, KEY, [region(found, 3)], "confirmed", corrected_to="car")
    names = ["car", "road", "tree"]
    # Found again, and not found again
    for _ in range(2):
        search([row for row in FOUND if row[0] != 0] + [(0, 1, 2, "swap", 3.0, (20, 20, 4, 4))])
        first = regions(found, 3)[0]
        assert (first.verdict, first.label, first.mask_path, first.bounding_box) == ("confirmed", "car", None, box)
        assert first.mask.shape == (40, 50)
        assert sorted(one.label for one in regions(found, 0)) == sorted([*names, "car"])
        assert [one.mask_path is None for one in regions(found, 0)].count(True) == len(names)
    # A region that was added by hand can be reviewed as the others
    (tree,) = (one for one in regions(found, 0) if one.label == "tree")
    review.set_verdict(found, KEY, [tree.id], "confirmed", corrected_to="car")
    review.set_verdict(found, KEY, [tree.id], "rejected")
    search()
    assert [one.id for one in regions(found, 0, "lq_rejected")] == [tree.id]
    assert review.find_region(found, KEY, tree.id)["verdict"] == "rejected"


def test_a_killed_search_loses_no_verdict(
    review: Any, found: Any, search: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from label_quality.plugin.dataset import suspect_fields

    class Killed(BaseException):
        pass

    write = suspect_fields.write_samples

    def killed_after(count: int) -> Any:
        def fail(dataset: Any, values: Any) -> None:
            write(dataset, dict(list(values.items())[:count]))
            raise Killed

        return fail

    review.set_verdict(found, KEY, [region(found, 3)], "confirmed")
    review.set_verdict(found, KEY, [region(found, 0)], "rejected")
    for count in (0, 1, 3, 4):
        monkeypatch.setattr(suspect_fields, "write_samples", killed_after(count))
        with pytest.raises(Killed):
            search()
    monkeypatch.setattr(suspect_fields, "write_samples", write)
    search()
    assert verdicts(found, 3) == ["confirmed"]
    assert verdicts(found, 0) == [None]
    assert review.progress(found, KEY) == review.ReviewProgress(4, 1, 1)


def test_a_run_that_is_replaced_keeps_the_verdicts(review: Any, found: Any, search: Any) -> None:
    from label_quality.plugin.dataset.fields import delete_fields
    from label_quality.plugin.records.run_record import RunRecord
    from label_quality.plugin.runs import publish as publishing

    review.set_verdict(found, KEY, [region(found, 0)], "rejected")
    review.set_verdict(found, KEY, [region(found, 3)], "confirmed")
    before, after = RunRecord(KEY, "ground_truth"), RunRecord(KEY, "other_masks")
    assert publishing._verdicts(found, after, before) == []
    delete_fields(found, KEY, keep=publishing._verdicts(found, before, before))
    assert [name for name in found.get_field_schema() if name.startswith("lq_")] == ["lq_rejected"]
    search()
    assert review.progress(found, KEY) == review.ReviewProgress(4, 1, 1)
    assert verdicts(found, 3) == ["confirmed"]


def test_deletion_of_the_run_takes_the_verdicts(review: Any, dataset: Any, search: Any) -> None:
    from label_quality.plugin.dataset.fields import delete_fields

    search()
    review.set_verdict(dataset, KEY, [region(dataset, 0)], "rejected")
    assert "lq_rejected" in delete_fields(dataset, KEY)
    assert [name for name in dataset.get_field_schema() if name.startswith("lq_")] == []
    assert dataset.app_config.sidebar_groups is None


@pytest.mark.parametrize(
    ("verdict", "corrected_to", "text"),
    [
        ("yes", None, "Expected `verdict` to be one of 'confirmed', 'rejected' or None, which takes it back, but got"),
        ("rejected", "car", "Only a confirmed suspect can have another class"),
        ("confirmed", "bus", r"a class of run 'lq' \(unlabelled, road, car, tree\), but got 'bus'"),
        ("confirmed", "unlabelled", "'unlabelled' is the given class: reject the suspect instead"),
    ],
)
def test_verdicts_that_make_no_sense(review: Any, found: Any, verdict: str, corrected_to: Any, text: str) -> None:
    before = content(found)
    with pytest.raises(review.LabelQualityError, match=text):
        review.set_verdict(found, KEY, [region(found, 3)], verdict, corrected_to=corrected_to)
    assert content(found) == before


def test_regions_that_are_not_there_are_an_error(review: Any, found: Any, search: Any) -> None:
    old = [region(found, 3)]
    search()
    with pytest.raises(review.LabelQualityError, match="1 of the 2 is not among the suspects of run 'lq'"):
        review.set_verdict(found, KEY, [*old, region(found, 3)], "rejected")
    with pytest.raises(review.LabelQualityError, match="Expected ids of suspects, but got 'first'"):
        review.set_verdict(found, KEY, ["first"], "rejected")
    assert review.progress(found, KEY).reviewed == 0
    assert not found.has_sample_field("lq_rejected")


def test_a_verdict_on_one_region_needs_no_list(review: Any, found: Any) -> None:
    review.set_verdict(found, KEY, region(found, 3), "confirmed")
    assert review.progress(found, KEY).confirmed == 1


def test_a_dataset_without_suspects_cannot_be_reviewed(review: Any, dataset: Any) -> None:
    for call in (lambda: review.progress(dataset, KEY), lambda: review.set_verdict(dataset, KEY, [], "rejected")):
        with pytest.raises(review.LabelQualityError, match=r"has no suspects of a run 'lq' to review\. Find suspects"):
            call()


def test_a_field_of_the_user_is_not_overwritten(fiftyone: Any, review: Any, found: Any) -> None:
    found.add_sample_field("lq_rejected", fiftyone.StringField)
    found.set_values("lq_rejected", ["mine"] * 4)
    with pytest.raises(review.LabelQualityError, match="already has a field 'lq_rejected'"):
        review.set_verdict(found, KEY, [region(found, 0)], "rejected")
    assert found.values("lq_rejected") == ["mine"] * 4
    assert review.progress(found, KEY) == review.ReviewProgress(4, 0, 0)


def test_fields_of_regions_are_known_as_such(review: Any, found: Any) -> None:
    review.set_verdict(found, KEY, [region(found, 0)], "rejected")
    names = ("lq_suspects", "lq_rejected", "lq_quality", "ground_truth", "nothing")
    assert [review.suspects_owner(found, name) for name in names] == ["lq", "lq", None, None, None]
    assert review.corrections(found, KEY) == ("unlabelled", "road", "car", "tree")


def test_a_verdict_that_is_given_while_suspects_are_replaced_is_not_lost(
    review: Any, found: Any, search: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever gives it as the others have just been set aside is told: before, it was taken away with its suspect."""
    from label_quality.plugin.base.errors import LabelQualityError
    from label_quality.plugin.dataset import verdicts as kept

    first, other = region(found, 0), region(found, 3)
    review.set_verdict(found, KEY, [first], "confirmed")
    set_aside = kept.set_aside

    def judge_just_then(*arguments: Any) -> None:
        set_aside(*arguments)
        with pytest.raises(LabelQualityError, match="they may have been found anew since"):
            review.set_verdict(found, KEY, [other], "confirmed")

    monkeypatch.setattr(kept, "set_aside", judge_just_then)
    search()
    assert (verdicts(found, 0)[0], verdicts(found, 3)) == ("confirmed", [None])


def test_a_verdict_whose_suspects_are_taken_off_just_then_is_said_not_to_count(
    review: Any, found: Any, search: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look for the suspects and the verdict another process finds them anew."""
    other = region(found, 3)
    declare = review.declare

    def search_just_then(*arguments: Any) -> None:
        monkeypatch.setattr(review, "declare", declare)
        search()

    monkeypatch.setattr(review, "declare", search_just_then)
    with pytest.raises(review.LabelQualityError, match="they may have been found anew since"):
        review.set_verdict(found, KEY, [other], "confirmed")
    assert verdicts(found, 3) == [None]
