"""Saved views of runs on a real dataset."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ..suspect_run import issue


@pytest.fixture
def views(fiftyone):
    from label_quality.plugin.dataset import views

    return views


@pytest.fixture
def scored(dataset, fiftyone):
    """The second sample was not scored; the last is the worst."""
    for key in ("lq", "other"):
        dataset.add_sample_field(f"{key}_quality", fiftyone.FloatField)
    dataset.set_values("lq_quality", [0.9, None, 0.5, 0.1])
    dataset.set_values("other_quality", [0.1, 0.2, 0.3, 0.4])
    return dataset


def test_worst_first_leaves_out_what_was_not_scored(views, scored):
    assert views.save_worst_first(scored, "lq") == "lq: worst first"
    scored.reload()
    assert scored.load_saved_view("lq: worst first").values("index") == [3, 2, 0]
    description = scored.get_saved_view_info("lq: worst first")["description"]
    assert description == "All images by lq_quality, worst first. (Label quality run 'lq')"


def test_saving_again_replaces_the_runs_own_view(views, scored):
    views.save_worst_first(scored, "lq")
    scored.set_values("lq_quality", [0.1, 0.2, 0.3, 0.4])
    views.save_worst_first(scored, "lq")
    assert scored.load_saved_view("lq: worst first").values("index") == [0, 1, 2, 3]
    assert scored.list_saved_views() == ["lq: worst first"]


def test_a_view_of_the_user_is_not_overwritten(views, scored):
    scored.save_view("lq: worst first", scored.limit(1), description="mine")
    for call in (views.check_views, views.save_worst_first):
        with pytest.raises(views.LabelQualityError, match="already has a saved view 'lq: worst first' that no run"):
            call(scored, "lq")
    assert views.delete_views(scored, "lq") == []
    assert len(scored.load_saved_view("lq: worst first")) == 1


def test_a_view_whose_address_is_taken_is_an_error(views, scored):
    scored.save_view("LQ - Worst First", scored.limit(1))
    expected = (
        r"The view 'lq: worst first' cannot be saved: dataset '.*' has a saved view 'LQ - Worst First', whose address "
        r"in the App, 'lq-worst-first', would be the same\. Use another `key`, or rename that view\."
    )
    # Before the work too, which would be for nothing
    for call in (views.check_views, views.save_worst_first):
        with pytest.raises(views.LabelQualityError, match=expected):
            call(scored, "lq")
    assert scored.list_saved_views() == ["LQ - Worst First"]


def test_keys_whose_views_would_share_addresses_are_told_apart_before_the_work(views, scored):
    views.save_worst_first(scored, "lq")
    views.check_views(scored, "lq")
    with pytest.raises(views.LabelQualityError, match="The view 'LQ_: worst first' cannot be saved"):
        views.check_views(scored, "LQ_")


def test_deletion_takes_only_the_runs_views(views, scored):
    scored.save_view("mine", scored.limit(1))
    views.save_worst_first(scored, "lq")
    views.save_worst_first(scored, "other")
    views.save_views(scored, "lq", [("drop suspects", scored.limit(2), "Something.")])
    assert views.own_views(scored, "lq") == ["lq: worst first", "lq: drop suspects"]
    assert views.delete_views(scored, "lq") == ["lq: worst first", "lq: drop suspects"]
    assert sorted(scored.list_saved_views()) == ["mine", "other: worst first"]


def test_worst_first_of_the_latest_run(views, scored):
    from label_quality.plugin.records.run_record import RunRecord, save_record

    assert views.worst_first(scored) is scored
    save_record(scored, RunRecord("lq", "ground_truth", created="2026-01-01T00:00:00+00:00"))
    save_record(scored, RunRecord("other", "ground_truth", created="2026-01-02T00:00:00+00:00"))
    save_record(scored, RunRecord("unscored", "ground_truth", created="2026-01-03T00:00:00+00:00"))
    assert views.worst_first(scored) == views.worst_first(scored, "other")


def test_a_run_without_scores_has_no_worst(views, dataset):
    with pytest.raises(views.LabelQualityError, match="has no field 'lq_quality': no run with key 'lq'"):
        views.worst_first(dataset, "lq")


#: The first two have the same address in the App
GROUPS = [
    issue("road", "car", evidence=10.0),
    issue("road", "Car", evidence=5.0, suggested=3),
    issue("unlabelled", "car", evidence=50.0),
]


@pytest.fixture
def suspected(scored, views):
    """The first sample has a swap and a weaker drop, the third and fourth a drop each; the second was not scored."""
    import numpy as np
    from label_quality.plugin.dataset.suspect_fields import write_suspects
    from label_quality.plugin.labels.class_table import ClassTable
    from label_quality.plugin.records.run_record import RunRecord, save_record
    from label_quality.plugin.suspects.image_suspects import ImageSuspects

    found = {0: [(1, 2, "swap", 9.0), (0, 2, "drop", 4.0)], 2: [(0, 2, "drop", 7.0)], 3: [(0, 2, "drop", 39.0)]}
    ids = scored.values("id")
    images = []
    for index, rows in found.items():
        given, suggested, kind, evidence = zip(*rows, strict=True)
        images.append(
            ImageSuspects(
                sample_id=ids[index],
                size=(24, 32),
                given=np.array(given),
                suggested=np.array(suggested),
                kind=kind,
                evidence=np.array(evidence),
                area=np.full(len(rows), 4),
                confidence=np.full(len(rows), 0.5),
                box=np.tile([0, 0, 2, 2], (len(rows), 1)),
                masks=[f"/{index}-{row}.png" for row in range(len(rows))],
            )
        )
    save_record(scored, RunRecord("lq", "ground_truth"))
    table = ClassTable.from_targets({0: "unlabelled", 3: "road", 7: "car", 20: "Car"})
    write_suspects(scored, "lq", images, class_table=table, label_field="ground_truth")
    return scored


FIXED = ["lq: drop suspects", "lq: swap suspects", "lq: shift suspects", "lq: suspect regions"]


def test_views_of_types_are_worst_first(views, suspected):
    assert views.suspect_view(suspected, "lq", "drop").values("index") == [3, 2]
    assert views.suspect_view(suspected, "lq", "swap").values("index") == [0]
    assert len(views.suspect_view(suspected, "lq", "shift")) == 0


def test_regions_are_patches_with_the_largest_evidence_first(views, suspected):
    patches = views.suspect_regions(suspected, "lq")
    assert patches.values("lq_suspects.evidence") == [39.0, 9.0, 7.0, 4.0]
    assert patches.first().sample_id == suspected.values("id")[3]
    assert "lq_suspects.evidence" in patches.list_indexes()


def test_the_view_of_a_group_has_its_regions_alone(views, suspected):
    patches = views.group_view(suspected, "lq", "unlabelled", "car")
    assert patches.values("lq_suspects.evidence") == [39.0, 7.0, 4.0]
    assert set(patches.values("lq_suspects.given")) == {"unlabelled"}
    assert len(views.group_view(suspected, "lq", "car", "unlabelled")) == 0


def test_all_views_of_suspects_are_saved_and_load(views, suspected):
    views.save_worst_first(suspected, "lq")
    names = views.save_suspect_views(suspected, "lq", GROUPS)
    groups = ["lq: car given as unlabelled", "lq: car given as road", "lq: Car given as road (3 given as 1)"]
    assert names == [*FIXED, *groups]
    assert suspected.list_saved_views() == ["lq: worst first", *names]
    suspected.reload()
    load = suspected.load_saved_view
    assert load("lq: drop suspects").values("index") == [3, 2]
    assert load("lq: suspect regions").values("lq_suspects.evidence") == [39.0, 9.0, 7.0, 4.0]
    assert load("lq: car given as road").values("lq_suspects.label") == ["car"]
    assert suspected.get_saved_view_info("lq: car given as road")["description"] == (
        "Suspects given as road where car is seen, those of the largest evidence first. (Label quality run 'lq')"
    )


def test_saved_patches_are_made_anew_where_their_copy_is_gone(views, suspected, fiftyone):
    views.save_suspect_views(suspected, "lq", [])
    copy = suspected.load_saved_view("lq: suspect regions")._dataset
    assert copy.persistent
    copy.delete()
    suspected.reload()
    assert suspected.load_saved_view("lq: suspect regions").values("lq_suspects.evidence") == [39.0, 9.0, 7.0, 4.0]


def test_saving_again_shows_the_new_regions_and_drops_old_groups(views, suspected):
    views.save_worst_first(suspected, "lq")
    views.save_suspect_views(suspected, "lq", GROUPS)
    sample = suspected.last()
    sample.lq_suspects.detections[0].evidence = 1.0
    sample.save()
    assert views.save_suspect_views(suspected, "lq", GROUPS[:1]) == [*FIXED, "lq: car given as road"]
    assert suspected.load_saved_view("lq: suspect regions").values("lq_suspects.evidence") == [9.0, 7.0, 4.0, 1.0]
    assert len(suspected.list_saved_views()) == 6


def test_only_the_leading_groups_have_views(views, suspected, monkeypatch):
    monkeypatch.setattr(views, "LEADING_GROUPS", 1)
    assert views.save_suspect_views(suspected, "lq", GROUPS)[4:] == ["lq: car given as unlabelled"]


def test_classes_without_latin_letters_have_views(views, suspected):
    groups = [
        replace(group, title=title) for group, title in zip(GROUPS, ("汽车 ← 路", "车 ← 路", "车 ← 无"), strict=True)
    ]
    assert views.save_suspect_views(suspected, "lq", groups)[4:] == [
        "lq: 车 ← 无",
        "lq: 汽车 ← 路 (2 given as 1)",
        "lq: 车 ← 路 (3 given as 1)",
    ]


@pytest.mark.parametrize("name", [*FIXED, "lq: worst first"])
def test_a_run_is_refused_where_the_user_has_one_of_its_views(views, suspected, name):
    suspected.save_view(name, suspected.limit(1), description="mine")
    with pytest.raises(views.LabelQualityError, match=f"already has a saved view '{name}' that no run"):
        views.check_views(suspected, "lq")
    if name in FIXED:
        with pytest.raises(views.LabelQualityError, match="already has a saved view"):
            views.save_suspect_views(suspected, "lq", [])
    assert len(suspected.load_saved_view(name)) == 1


def test_a_group_gives_way_to_a_view_of_the_user(views, suspected):
    suspected.save_view("lq: car given as road", suspected.limit(1))
    assert views.save_suspect_views(suspected, "lq", GROUPS[:1])[4:] == ["lq: car given as road (2 given as 1)"]
    views.delete_suspect_views(suspected, "lq")
    suspected.save_view("LQ: Car given as road 2 given as 1", suspected.limit(1))
    assert views.save_suspect_views(suspected, "lq", GROUPS[:1])[4:] == ["lq: car given as road (2 given as 1) 2"]
    assert len(suspected.load_saved_view("lq: car given as road")) == 1


def test_views_of_suspects_go_with_the_run(views, suspected):
    suspected.save_view("mine", suspected.limit(1))
    names = views.save_suspect_views(suspected, "lq", GROUPS)
    copy = suspected.load_saved_view("lq: suspect regions")._dataset
    assert views.delete_views(suspected, "lq") == names
    assert suspected.list_saved_views() == ["mine"]
    copy.reload()
    assert not copy.persistent


def test_a_run_without_suspects_says_so(views, scored):
    for call in (
        lambda: views.suspect_view(scored, "lq", "drop"),
        lambda: views.suspect_regions(scored, "lq"),
        lambda: views.group_view(scored, "lq", "road", "car"),
    ):
        with pytest.raises(views.LabelQualityError, match="has no field 'lq_suspects': no run with key 'lq'"):
            call()
