"""A run by a field of the samples: against plain Python, and what cannot be broken down."""

from __future__ import annotations

import math
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from label_quality.plugin.base.errors import LabelQualityError
from label_quality.plugin.runs.breakdown import (
    break_down,
    breakdown_columns,
    breakdown_fields,
    breakdown_rows,
    breakdown_sentence,
    images_with,
    value_text,
    wilson,
)

from ..operators.calls import Calls, errors
from ..predicted import add_swapped_predictions

PLUGIN = "@label-quality/segmentation"
CALLS = Calls(f"{PLUGIN}/break_down")
WHO = ["ann", "ben", "ben", None, "ann", "$cy"]


@pytest.fixture(scope="module")
def run(fiftyone: Any, make_module_dataset: Any, module_folder: Path) -> Any:
    """Six samples with a finished run ``lq``; in the third, one of ben's two, car and road are swapped."""
    from label_quality import audit_labels

    dataset = make_module_dataset(count=6, sizes=((48, 64),))
    add_swapped_predictions(dataset, module_folder)
    dataset.set_values("annotator", WHO)
    dataset.set_values("day", [date(2026, 11, 1 + index % 2) for index in range(6)])
    dataset.set_values("weather", [fiftyone.Classification(label="rain") if index < 2 else None for index in range(6)])
    dataset.set_values("tags", [["a", "b"], ["b"], [], ["a"], [], []])
    dataset.set_values("night", [index % 3 == 0 for index in range(6)])
    audit_labels(dataset, "ground_truth", source="files", field="probabilities", min_probability=0.0)
    dataset.reload()
    return dataset


def test_it_counts_as_plain_python_does(run: Any) -> None:
    found = break_down(run.limit(1), "annotator")
    assert (found.key, found.field, found.has_suspects) == ("lq", "annotator", True)
    quality, suspects = run.values("lq_quality"), run.values("lq_suspects.detections")
    assert {part.value for part in found.parts} == {"ann", "ben", None, "$cy"}
    for part in found.parts:
        own = [index for index in range(6) if WHO[index] == part.value]
        regions = [one for index in own for one in suspects[index] or []]
        assert part.images == len(own)
        assert part.quality == pytest.approx(sum(quality[index] for index in own) / len(own))
        assert part.suspects == len(regions)
        assert part.suspect_images == sum(bool(suspects[index]) for index in own)
        assert part.expected is None or part.expected == pytest.approx(sum(one.probability for one in regions))
        if regions:
            pairs = Counter(f"{one.suggested} given as {one.given}" for one in regions)
            assert pairs[part.issue] == max(pairs.values())
    ben = next(part for part in found.parts if part.value == "ben")
    assert ben.suspect_images == 1 and ben.share == 0.5 and 0 < ben.low < 0.5 < ben.high < 1
    assert found.parts[0] == max(found.parts, key=lambda part: part.low)


def test_what_is_confirmed_counts_whole(run: Any) -> None:
    from label_quality import set_verdict

    region = next(one for one in run if one.lq_suspects and one.lq_suspects.detections).lq_suspects.detections[0]
    before = {part.value: part.expected or 0.0 for part in break_down(run, "annotator").parts}
    set_verdict(run, "lq", [region.id], "confirmed")
    after = {part.value: part.expected or 0.0 for part in break_down(run, "annotator").parts}
    assert after["ben"] == pytest.approx(before["ben"] + 1 - region.probability)


@pytest.mark.parametrize(("verdict", "counts"), [("edited", 1.0), ("added", 0.0)])
def test_what_was_drawn_counts_as_in_the_whole_run(run: Any, verdict: str, counts: float) -> None:
    """What was redrawn is a mistake; what a person has added the run has not found."""
    from label_quality import load_record
    from label_quality.plugin.runs.after_review import after_review
    from label_quality.plugin.runs.on_show import on_show

    sample = next(one for one in run if one.lq_suspects and one.lq_suspects.detections)
    region = sample.lq_suspects.detections[0]
    before = region.copy()
    run._sample_collection.update_one(
        {"_id": sample._id},
        {"$set": {"lq_suspects.detections.0.verdict": verdict, "lq_suspects.detections.0.reviewed_by": "ann"}},
    )
    record = load_record(run, "lq")
    rest = sum(
        one.probability or 0.0 for each in run for one in (each.lq_suspects or before).detections if one.id != region.id
    )
    try:
        whole = after_review(run, record).suspects.expected
        assert whole == pytest.approx(rest + counts)
        assert on_show(run, record, "softmin").suspects.expected == pytest.approx(whole)
        assert sum(part.expected or 0.0 for part in break_down(run, "annotator").parts) == pytest.approx(whole)
    finally:
        run._sample_collection.update_one(
            {"_id": sample._id},
            {"$unset": {"lq_suspects.detections.0.verdict": "", "lq_suspects.detections.0.reviewed_by": ""}},
        )
        run.reload()


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("tags", {"a": 2, "b": 2, None: 3}),
        ("weather", {"rain": 2, None: 4}),
        ("night", {True: 2, False: 4}),
        ("annotator", {"ann": 2, "ben": 2, "$cy": 1, None: 1}),
        ("index", dict.fromkeys(range(6), 1)),
    ],
)
def test_kinds_of_fields(run: Any, field: str, values: dict[Any, int]) -> None:
    found = break_down(run, field)
    assert {part.value: part.images for part in found.parts} == values
    for part in found.parts:
        assert len(run.match(images_with(run, field, part.value))) == part.images


def test_dates_are_shown_as_dates(run: Any) -> None:
    found = break_down(run, "day")
    assert sorted(row["value"] for row in breakdown_rows(found)) == ["2026-11-01", "2026-11-02"]
    assert [value_text(value) for value in (None, True, 3, "x")] == ["(none)", "yes", "3", "x"]


def test_fields_that_are_offered(run: Any) -> None:
    assert breakdown_fields(run) == ["index", "probabilities", "annotator", "day", "weather", "night", "tags"]


@pytest.mark.parametrize(
    ("field", "text"),
    [
        (
            "nobody",
            "has no field 'nobody'. To choose from: index, probabilities, annotator, day, weather, night, tags.",
        ),
        ("ground_truth", "but 'ground_truth' is a EmbeddedDocumentField. To choose from: index, "),
        ("lq_quality", "booleans, dates or classifications, but 'lq_quality' is a FloatField."),
        ("", "Expected parameter `field` to be the name of a field, but got ''."),
    ],
)
def test_what_cannot_be_broken_down_is_said(run: Any, field: str, text: str) -> None:
    with pytest.raises(LabelQualityError) as error:
        break_down(run, field)
    assert text in str(error.value)
    with pytest.raises(LabelQualityError, match="has no label quality run 'no'"):
        break_down(run, "annotator", key="no")


def test_sentences(run: Any) -> None:
    assert breakdown_sentence(break_down(run, "annotator")).startswith("Run 'lq' by 'annotator', those first of which")
    alone = "Each of 6 images has a 'index' of its own, so there is nothing to compare."
    assert breakdown_sentence(break_down(run, "index")) == alone


def test_the_operator(run: Any) -> None:
    properties = CALLS.form(run)
    assert errors(properties) == {}
    assert properties["field"].default == "index"
    found = CALLS.operator()(run, "annotator").result
    expected = break_down(run, "annotator")
    assert found["parts"] == breakdown_rows(expected) and found["columns"] == breakdown_columns(expected)
    context = CALLS.context(run)
    context.request_params["results"] = {**found, "parts": found["parts"] * 40}
    shown = CALLS.operator().resolve_output(context)
    shown.to_json()
    table = shown.type.properties["shown"]
    assert table.view.label == f"The first 100 of {40 * len(found['parts'])}" and len(table.default) == 100
    assert shown.type.properties["message"].view.label == breakdown_sentence(expected)


def test_ten_thousand_values(fiftyone: Any, run: Any) -> None:
    """Counted in the database: nothing grows but the list of values."""
    many = run.clone()
    try:
        ids = many.values("id")
        many.add_samples(
            [fiftyone.Sample(f"/nowhere/{i}.png", annotator=f"p{i}", lq_quality=0.5) for i in range(10_000)],
            progress=False,
        )
        found = break_down(many, "annotator")
        assert len(found.parts) == 10_004 and len(ids) == 6
        assert len(breakdown_rows(found, 10)) == 10
    finally:
        many.delete()


@given(trials=st.integers(1, 10_000), data=st.data())
def test_wilsons_interval_holds_the_share_and_narrows(trials: int, data: st.DataObject) -> None:
    successes = data.draw(st.integers(0, trials))
    low, high = wilson(successes, trials)
    assert 0 <= low <= successes / trials + 1e-12 and successes / trials - 1e-12 <= high <= 1
    wider = wilson(successes, trials)[1] - low
    assert wilson(4 * successes, 4 * trials)[1] - wilson(4 * successes, 4 * trials)[0] < wider


def test_wilsons_interval_of_a_textbook() -> None:
    # The ends are the shares p at which |successes/n − p| is z standard errors √(p (1 − p) / n)
    low, high = wilson(7, 20)
    for end in (low, high):
        assert abs(7 / 20 - end) == pytest.approx(1.959964 * math.sqrt(end * (1 - end) / 20))
