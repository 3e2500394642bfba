"""The panel's cards on what a run's record keeps: a comparison with an earlier run, and an estimate of errors."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from ...predicted import WITH_FILES, add_predictions
from ...snapshots import Snapshot
from . import test_panel
from .test_panel import PLUGIN, URI, Call, requests, shown

call = test_panel.call


@pytest.fixture(scope="module")
def two_runs(make_module_dataset: Any, module_folder: Path) -> Snapshot:
    from label_quality import audit_labels

    dataset = make_module_dataset(count=6, sizes=((48, 64),))
    for seed, key in enumerate(("one", "two")):
        (module_folder / key).mkdir()
        add_predictions(dataset, module_folder / key, seed)
        audit_labels(dataset, "ground_truth", key=key, scores=["evidence"], displaced_edges=False, **WITH_FILES)
    return Snapshot(dataset, module_folder)


@pytest.fixture
def dataset(two_runs: Snapshot) -> Any:
    """Six images with the runs ``one`` and ``two`` of the same masks."""
    return two_runs.put_back()


def opened(call: Call, key: str = "two") -> Any:
    return call("refresh", {"page": {"top": {"run": key}, "cards": {"scores": {"score": "quality"}}}})


def test_an_earlier_run_of_the_same_masks_is_offered(call: Call, dataset: Any) -> None:
    text = shown(opened(call))
    assert "Run “one” is of the same masks. “Compare runs…” says which images and issues have changed since." in text
    assert "Show the images, most fallen first" not in text
    (form,) = requests(call("compare", opened(call).panel.state._data), "prompt_user_for_operation")
    assert form == {**form, "operator_uri": f"{PLUGIN}/compare_runs", "on_success": f"{URI}#refresh"}
    assert form["params"] == {"before": "one", "after": "two"}
    # The first has none before it
    assert "What has changed" not in shown(opened(call, "one"))


def test_runs_of_other_masks_and_without_scores_are_not_offered(call: Call, dataset: Any) -> None:
    from label_quality import load_record
    from label_quality.plugin.records.run_record import save_record

    record = load_record(dataset, "one")
    record.label_field = "corrected"
    save_record(dataset, record)
    assert "What has changed" not in shown(opened(call))
    record.label_field = "ground_truth"
    save_record(dataset, record)
    assert "What has changed" in shown(opened(call))
    dataset.delete_sample_field("one_quality")
    assert "What has changed" not in shown(opened(call))


def test_what_was_compared_is_said_from_the_record(call: Call, dataset: Any) -> None:
    from label_quality import compare_runs, load_record
    from label_quality.plugin.compare.text import comparison_sentences
    from label_quality.plugin.records.comparison import ClassChange
    from label_quality.plugin.records.run_record import save_record

    found = compare_runs(dataset, "one", "two")
    record = load_record(dataset, "two")
    assert record.comparison == found and load_record(dataset, "one").comparison is None
    changes = [ClassChange("road", 0.5, 0.25), ClassChange("car", 0.5, 0.875), ClassChange("tree", 0.75, 0.75)]
    record.comparison.classes = [*changes, ClassChange("unlabelled", None, 0.5)]
    save_record(dataset, record)
    context = opened(call)
    text = shown(context)
    sentences = comparison_sentences(found)
    assert len(sentences) >= 3 and sentences[0].startswith("Of 6 images, ") and "mean changed by" in sentences[0]
    for one in (*sentences, "From run “one” to this one · compared ", "Compare runs…"):
        assert one in text, one
    assert "One of the two runs is another one since" not in text
    # The largest change first; what has not changed, or was not there before, is left out
    assert text.index('"name": "car", "before": "0.500", "after": "0.875"') < text.index('"name": "road"')
    assert '"name": "tree"' not in text and '"name": "unlabelled"' not in text
    (view,) = requests(call("open_changed", context.panel.state._data), "set_view")
    assert "two_change" in str(view)
    assert "Compare" not in str(requests(opened(call, "one"), "show_panel_output"))


def test_a_comparison_with_what_is_no_longer_there_says_so(call: Call, dataset: Any) -> None:
    from label_quality import compare_runs, delete_run, find_suspects, load_record

    text = "One of the two runs is another one since: compare them again."
    compare_runs(dataset, "one", "two")
    assert text not in shown(opened(call))
    find_suspects(dataset, key="two", max_regions=2)
    assert text in shown(opened(call))
    compare_runs(dataset, "one", "two")
    assert text not in shown(opened(call))
    delete_run(dataset, "one")
    dataset.reload()
    assert "From run “one” to this one · compared " in shown(opened(call))
    assert load_record(dataset, "two").comparison.before == "one"
    (form,) = requests(call("compare", opened(call).panel.state._data), "prompt_user_for_operation")
    assert form["params"] is None


def test_what_people_have_decided_is_counted_among_what_is_probably_wrong(call: Call, dataset: Any) -> None:
    from label_quality import load_record, set_verdict

    every = [one for sample in dataset for one in sample.two_suspects.detections]
    expected = load_record(dataset, "two").suspects.expected
    assert round(expected) != 2 and len(every) > 2
    assert f"about {round(expected)} of them are probably mistakes" in shown(opened(call))
    set_verdict(dataset, "two", [one.id for one in every[2:]], "rejected")
    set_verdict(dataset, "two", [one.id for one in every[:2]], "confirmed")
    text = shown(opened(call))
    assert "about 2 of them are probably mistakes" in text
    # The run has found as many as before
    assert f'"title": "{len(every)}"' in text


def test_issues_stand_in_the_order_of_what_is_probable_after_a_review(call: Call, dataset: Any, fiftyone: Any) -> None:
    from label_quality import load_record, set_verdict

    def rows(context: Any) -> list[tuple[str, float]]:
        pattern = r'"group": "([^"]+)", "kind": "[^"]*", "images": "\d+", "regions": "\d+", "expected": "([^"]+)"'
        found = re.findall(pattern, shown(context))
        return [(title, float(number)) for title, number in found]

    before = rows(opened(call))
    titles = [one.title for one in load_record(dataset, "two").issues]
    assert [title for title, _ in before] == titles[: len(before)] and len(before) > 1
    suggested, given = before[0][0].split(" given as ")
    regions = [one for sample in dataset for one in sample.two_suspects.detections]
    first = [one.id for one in regions if (one.given, one.suggested) == (given, suggested)]
    set_verdict(dataset, "two", first, "rejected")
    context = opened(call)
    after = rows(context)
    numbers = [number for _, number in after]
    assert numbers == sorted(numbers, reverse=True)
    # A click opens what stands in the row, by its saved view
    (asked,) = requests(call("open_group", context.panel.state._data, row=0), "set_view")
    assert asked["name"] == f"two: {after[0][0]}" != f"two: {before[0][0]}"


def test_an_estimate_is_told_with_its_intervals_or_how_to_get_one(call: Call, dataset: Any) -> None:
    from label_quality import estimate_errors, load_record, set_verdict
    from label_quality.plugin.base.words import percent
    from label_quality.plugin.dataset.sample_fields import read_units

    text = shown(opened(call))
    assert "Not known yet. “Estimate errors…” draws places at random" in text
    estimate_errors(dataset, key="two", verdicts=60, suspects=4, images=2)
    text = shown(opened(call))
    assert "Judge the saved view “two: places to judge” from its beginning" in text
    units = read_units(dataset, "two")
    set_verdict(dataset, "two", [str(one["_id"]) for one in units], "rejected")
    set_verdict(dataset, "two", [str(one["_id"]) for one in units[:9]], "confirmed")
    found = estimate_errors(dataset, key="two", verdicts=60, suspects=4, images=2)
    wrong, unfound = found.wrong_pixels, found.unfound_pixels
    text = shown(opened(call))
    assert 0 < wrong.low < wrong.value < wrong.high
    for words in (
        *("Wrong pixels", percent(wrong.value), f"{percent(wrong.low)} to {percent(wrong.high)}"),
        *("Wrong pixels not found yet", f"{unfound.value:,.0f}", f"{unfound.low:,.0f} to {unfound.high:,.0f}; "),
        f"of {found.open_suspects} that nobody has reviewed",
        f"From {len(units)} verdicts, ",
    ):
        assert words in text, words
    issues = [one for one in found.issues if one.judged and one.suspects]
    assert issues
    for one in issues:
        assert f"{one.suggested} given as {one.given}" in text
        real = f"{one.real.value:,.0f} ({one.real.low:,.0f} to {one.real.high:,.0f})"
        assert f'"open": "{one.suspects}", "real": "{real}"' in text
    # Asked again it says the same, and what is kept stays as it is; taken back, there is none any more
    kept = load_record(dataset, "two").sample.estimate
    estimate_errors(dataset, key="two", verdicts=60, suspects=4, images=2)
    assert load_record(dataset, "two").sample.estimate is not None
    assert load_record(dataset, "two").sample.estimate == kept
    set_verdict(dataset, "two", [str(one["_id"]) for one in units], None)
    estimate_errors(dataset, key="two", verdicts=60, suspects=4, images=2)
    assert load_record(dataset, "two").sample.estimate is None
    assert "from its beginning" in shown(opened(call))
