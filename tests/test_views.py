"""Saved views of runs on a real dataset."""

from __future__ import annotations

import pytest


@pytest.fixture
def views(fiftyone):
    from label_quality.plugin import views

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
    with pytest.raises(views.LabelQualityError, match="The view 'lq: worst first' cannot be saved"):
        views.save_worst_first(scored, "lq")
    assert scored.list_saved_views() == ["LQ - Worst First"]


def test_deletion_takes_only_the_runs_views(views, scored):
    scored.save_view("mine", scored.limit(1))
    views.save_worst_first(scored, "lq")
    views.save_worst_first(scored, "other")
    views.save_view(scored, "lq", "drop suspects", scored.limit(2), "Something.")
    assert views.own_views(scored, "lq") == ["lq: worst first", "lq: drop suspects"]
    assert views.delete_views(scored, "lq") == ["lq: worst first", "lq: drop suspects"]
    assert sorted(scored.list_saved_views()) == ["mine", "other: worst first"]


def test_worst_first_of_the_latest_run(views, scored):
    from label_quality.plugin.runs import RunRecord, save_record

    assert views.worst_first(scored) is scored
    save_record(scored, RunRecord("lq", "ground_truth", created="2026-01-01T00:00:00+00:00"))
    save_record(scored, RunRecord("other", "ground_truth", created="2026-01-02T00:00:00+00:00"))
    save_record(scored, RunRecord("unscored", "ground_truth", created="2026-01-03T00:00:00+00:00"))
    assert views.worst_first(scored) == views.worst_first(scored, "other")


def test_a_run_without_scores_has_no_worst(views, dataset):
    with pytest.raises(views.LabelQualityError, match="has no field 'lq_quality': no run with key 'lq'"):
        views.worst_first(dataset, "lq")
