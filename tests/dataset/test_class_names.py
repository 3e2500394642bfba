"""Runs on datasets whose classes have names with a meaning in MongoDB, or longer than any title."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..predicted_files import predict

NAMES = {0: "$$ROOT", 3: "$car", 7: "a.b", 20: "$lq_suspects.given"}
LONG = {0: "unlabelled", 3: "road " * 4000, 7: "road " * 4000 + "(wet)", 20: "x" * 20_000}
PLUGIN = "@label-quality/segmentation"


def audited(make_dataset: Any, folder: Path, names: dict[int, str]) -> tuple[Any, Any]:
    """A dataset with these classes, and the record of a run on it."""
    from label_quality.plugin import audit
    from label_quality.plugin.records.run_record import load_record

    dataset = make_dataset(count=6, targets=names)
    # Every region is a suspect, so that there are all pairs of classes
    audit.audit_labels(dataset, "ground_truth", **predict(dataset, folder), min_area=0.0, min_evidence=0.0)
    dataset.reload()
    return dataset, load_record(dataset, "lq")


def pairs(patches: Any) -> set[tuple[str, str]]:
    return set(zip(*patches.values(["lq_suspects.given", "lq_suspects.suggested"]), strict=True))


def test_groups_of_classes_that_look_like_fields(make_dataset: Any, tmp_path: Path, fiftyone: Any) -> None:
    import fiftyone.operators as foo
    from label_quality.plugin.dataset.views import group_view
    from label_quality.plugin.review.choose_images import Choice, choose

    dataset, record = audited(make_dataset, tmp_path, NAMES)
    groups = record.issues
    assert {one.given_name for one in groups} == {one.suggested_name for one in groups} == set(NAMES.values())
    saved = dataset.list_saved_views()
    for group in groups:
        pair, title = (group.given_name, group.suggested_name), group.title
        patches = group_view(dataset, "lq", *pair)
        assert (len(patches), pairs(patches)) == (group.regions, {pair})
        if f"lq: {title}" in saved:
            assert len(dataset.load_saved_view(f"lq: {title}")) == group.regions
        chosen = choose(dataset, Choice("group", group=title))
        assert len(chosen.samples) == group.images
        regions = chosen.samples.filter_labels(chosen.field, chosen.region)
        assert regions.count(f"{chosen.field}.detections") == group.regions
    shown = foo.execute_operator(f"{PLUGIN}/show_group", {"dataset": dataset}, params={"group": groups[1].title})
    assert shown.result["regions"] == groups[1].regions
    (view,) = [one.params["view"] for one in shown.executor._requests if one.operator_uri == "set_view"]
    assert len(fiftyone.DatasetView._build(dataset, view)) == groups[1].regions


def test_the_panel_opens_a_class_that_looks_like_a_field(make_dataset: Any, tmp_path: Path, fiftyone: Any) -> None:
    import fiftyone.operators as foo
    from fiftyone.operators.executor import ExecutionContext, Executor
    from label_quality.operators.panel.plots import leading_classes

    dataset, record = audited(make_dataset, tmp_path, NAMES)

    def call(method: str, state: dict[str, Any], **params: Any) -> Any:
        arguments = {"panel_id": "panel", "panel_state": state, "__method__": method, **params}
        request = {"dataset_id": str(dataset._doc.id), "view": [], "params": arguments}
        context = ExecutionContext(request, executor=Executor(), operator_uri=f"{PLUGIN}/label_quality_panel")
        foo.get_operator(f"{PLUGIN}/label_quality_panel").execute(context)
        return context

    drawn = call("on_load", {}).panel.state._data
    for place, one in enumerate(leading_classes(record.classes)):
        context = call("open_class", drawn, idx=place)
        (view,) = [one.params["view"] for one in context.executor._requests if one.operator_uri == "set_view"]
        patches = fiftyone.DatasetView._build(dataset, view)
        assert {given for given, _ in pairs(patches)} == {one.name}


def test_tags_and_verdicts_that_look_like_fields(make_dataset: Any, tmp_path: Path) -> None:
    from label_quality.plugin.review.choose_images import Choice, choose
    from label_quality.plugin.review.decide import find_region, set_verdict
    from label_quality.plugin.review.tags import Counts, count, tag_samples

    dataset, record = audited(make_dataset, tmp_path, NAMES)
    group = record.issues[0]
    chosen = choose(dataset, Choice("group", group=group.title))
    for tag in ("given", "of.$given"):
        tag_samples(chosen, tag, regions=True)
        assert dataset.count_label_tags("lq_suspects")[tag] == group.regions
        assert dataset.count_sample_tags()[tag] == group.images
        assert len(choose(dataset, Choice("tagged", tag=tag)).samples) == group.images
        assert count(chosen, tag, regions=True) == Counts(0, group.images, 0)
    region = chosen.samples.first().lq_suspects.detections[0]
    name = next(one for one in NAMES.values() if one not in (region.given, region.suggested))
    set_verdict(dataset, "lq", [region.id], "confirmed", corrected_to=name)
    found = find_region(dataset, "lq", region.id)
    assert (found["label"], found["corrected_to"]) == (name, name)


def test_titles_of_long_names_are_cut(make_dataset: Any, tmp_path: Path) -> None:
    dataset, record = audited(make_dataset, tmp_path, LONG)
    groups = record.issues
    road = ("road " * 12)[:59]
    short = ["unlabelled", f"{road}… (1)", f"{road}… (2)", f"{'x' * 59}…"]
    assert [one.title for one in groups] == [f"{short[one.suggested]} given as {short[one.given]}" for one in groups]
    assert {one.suggested for one in groups} == {0, 1, 2, 3} and groups[0].given_name in LONG.values()
    assert all(len(group.text) < 400 for group in groups)
    assert len(record.views) == 16 and sorted(dataset.list_saved_views()) == sorted(record.views)
    assert all(len(dataset.load_saved_view(name)) for name in record.views[6:])
    descriptions = [dataset.get_saved_view_info(name)["description"] for name in record.views]
    assert max(map(len, descriptions)) < 300
