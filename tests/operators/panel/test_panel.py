"""The panel: what it shows of a run's record, what its clicks ask the App for, how fast at 20,000 images."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ...suspect_run import issue

PLUGIN = "@label-quality/segmentation"
URI = f"{PLUGIN}/label_quality_panel"
#: Call of a panel's method: name, state, parameters -> context
Call = Callable[..., Any]


@pytest.fixture
def call(dataset: Any) -> Call:
    """Calls a method of the panel on ``dataset`` as the App does, and returns the context."""
    import fiftyone.operators as foo
    from fiftyone.operators.executor import ExecutionContext, Executor

    def run(method: str, state: dict[str, Any] | None = None, view: Any = None, **params: Any) -> Any:
        # The page sends its own, which stays as it was
        known = copy.deepcopy(state or {})
        arguments = {"panel_id": "panel", "panel_state": known, "__method__": method, **params}
        request = {"dataset_id": str(dataset._doc.id), "view": view or [], "params": arguments}
        context = ExecutionContext(request, executor=Executor(), operator_uri=URI)
        foo.get_operator(URI).execute(context)
        return context

    return run


def requests(context: Any, name: str) -> list[dict[str, Any]]:
    """The parameters of the App's operators of that name that the panel asked for."""
    return [one.params for one in context.executor._requests if one.operator_uri == name]


def shown(context: Any) -> str:
    """All that the panel shows, as the JSON that the App gets, in plain letters."""
    (output,) = requests(context, "show_panel_output")
    return json.dumps(output, allow_nan=False, ensure_ascii=False)


def view_of(fiftyone: Any, dataset: Any, context: Any) -> Any:
    """The view that the panel opened."""
    (params,) = requests(context, "set_view")
    return fiftyone.DatasetView._build(dataset, params["view"])


def state(**known: Any) -> dict[str, Any]:
    """The state that the panel has with the run ``lq``."""
    return {"page": {"top": {"run": "lq"}, "cards": {"scores": {"score": "quality"}}}, **known}


def drawn(call: Call) -> dict[str, Any]:
    """The state that the panel has once it is drawn, which clicks on rows, cells and bars need."""
    known: dict[str, Any] = call("on_load", state()).panel.state._data
    return known


def group(given: str, suggested: str, **known: Any) -> Any:
    return issue(given, suggested, **{"regions": 4, "images": 4, "text": "Systematic: the same mistake.", **known})


@pytest.fixture
def audited(dataset: Any) -> Any:
    """Four images with a run ``lq``: qualities 0.4, 0.3, 0.2 and 1.0, two regions each in the first two."""
    import fiftyone as fo
    from label_quality.plugin.dataset.fields import create_fields
    from label_quality.plugin.dataset.suspect_fields import write_suspects
    from label_quality.plugin.dataset.views import save_suspect_views, save_worst_first
    from label_quality.plugin.labels.class_table import ClassTable
    from label_quality.plugin.records.record_parts import ScorePart, SuspectPart
    from label_quality.plugin.records.run_record import RunRecord, save_record
    from label_quality.plugin.runs.overview import ScoreOverview, SuspectOverview
    from label_quality.plugin.suspects.class_effects import ClassEffect
    from label_quality.plugin.suspects.image_suspects import ImageSuspects

    table = ClassTable.from_targets({0: "unlabelled", 3: "road", 7: "car", 20: "tree"})
    ids, quality = dataset.values("id"), np.array([0.4, 0.3, 0.2, 1.0])
    for name in ("lq_quality", "lq_softmin", "lq_ccp"):
        create_fields(dataset, "lq", {name: {"ftype": fo.FloatField}})
        dataset.set_values(name, quality.tolist())
    images = [
        ImageSuspects(
            sample_id=sample_id,
            size=(24, 32),
            given=np.array([0, 1][:regions]),
            suggested=np.array([2, 2][:regions]),
            kind=["drop", "swap"][:regions],
            evidence=np.array([5.0 + row, 1.0][:regions]),
            area=np.array([4, 4][:regions]),
            confidence=np.array([0.5, 0.5][:regions]),
            box=np.array([[0, 0, 2, 2], [4, 4, 2, 2]][:regions]).reshape(-1, 4),
            masks=["/a.png", "/b.png"][:regions],
        )
        for row, (sample_id, regions) in enumerate(zip(ids, (2, 2, 0, 0), strict=True))
    ]
    write_suspects(dataset, "lq", images, class_table=table, label_field="ground_truth")
    scores = ScoreOverview("softmin")
    scores.update(ids, {"softmin": quality, "ccp": quality})
    overview = scores.overview(dict(zip(ids, dataset.values("filepath"), strict=True)))
    suspects = SuspectOverview(table.names, ids)
    for one, kind in zip(images, ("drop", "drop", "none", "none"), strict=True):
        suspects.update(one.sample_id, kind, one.given, one.suggested, one.evidence)
    suspects.add_to(overview)
    groups = [group("unlabelled", "car", regions=2, images=2), group("road", "car", regions=2, images=2, evidence=2.0)]
    before, after, lost = (100, 200, 50, 0), (92, 192, 66, 0), (8, 8, 0, 0)
    shares = [part / whole if whole else None for part, whole in zip(lost, before, strict=True)]
    columns = zip(range(4), table.names, before, after, lost, shares, strict=True)
    classes = [ClassEffect(*known, iou=None) for known in columns]
    views = [save_worst_first(dataset, "lq"), *save_suspect_views(dataset, "lq", groups)]
    known = {
        "samples": 4,
        "scored": 4,
        "fields": ["lq_quality"],
        "views": views,
        "overview": overview,
        "issues": groups,
        "classes": classes,
        "suspects": SuspectPart(images=2, regions=4, expected=2.6, notes=["A note on suspects."]),
        "scores": ScorePart(flagged_pixels=3, pooled_pixels=100),
    }
    save_record(dataset, RunRecord("lq", "ground_truth", source="cross_validation", **known))
    return dataset


def test_without_a_run_it_says_what_to_do_first(call: Call, dataset: Any) -> None:
    text = shown(call("on_load"))
    assert "Find the masks that are wrong" in text
    assert "Run audit…" in text and "Lint masks…" in text
    assert "Delete run…" not in text
    (prompt,) = requests(call("lint"), "prompt_user_for_operation")
    assert prompt["operator_uri"] == f"{PLUGIN}/lint_masks"


def test_without_masks_it_asks_for_them(call: Call, dataset: Any) -> None:
    dataset.delete_sample_field("ground_truth")
    text = shown(call("on_load"))
    assert "There are no masks to check" in text
    assert "Run audit…" not in text


def test_it_opens_on_the_latest_run_with_everything_of_its_record(call: Call, audited: Any) -> None:
    context = call("on_load", {"folded": []})
    assert context.panel.get_state("page.top.run") == "lq"
    text = shown(context)
    for words in (
        "Masks in “ground_truth” · cross-validated predictions",
        *("Images checked", "Suspects", "about 3 of them are probably mistakes"),
        *("Images with suspects", "50 % have a suspect to look at"),
        *("Pixels in suspects", "4.6 %", "16 pixels that may be wrong"),
        *("Quality (softmin)", "Correctly classified pixels"),
        *("Drop: an object left out", "2 images: click to see them", "A note on suspects."),
        *("Drop: car given as unlabelled", "002.png", "0.200"),
        *("car given as road", "Systematic", "Systematic: the same mistake in many images."),
        *("+32 %", "car: 50 pixels now, 66 corrected"),
    ):
        assert words in text, words
    assert "Class-pair evidence" not in text


def test_sections_fold_and_stay_so(call: Call, audited: Any) -> None:
    first = call("on_load")
    # The title stays, what it is of is not even made
    assert "Which classes are affected" in shown(first) and "car: 50 pixels now" not in shown(first)
    assert "Systematic: the same mistake in many images." in shown(first)
    opened = call("fold", first.panel.state._data, section="classes")
    assert "car: 50 pixels now" in shown(opened)
    folded = call("fold", opened.panel.state._data, section="groups")
    again = call("choose_score", folded.panel.state._data, value="softmin")
    for context in (folded, again):
        assert "car: 50 pixels now" in shown(context) and "Issues" in shown(context)
        assert "Systematic: the same mistake in many images." not in shown(context)


def test_quick_clicks_on_two_titles_both_count(call: Call, audited: Any) -> None:
    page = call("on_load", {"folded": ["matrix"]}).panel.state._data
    # Sent before the page knows of the first: both come with the same state
    call("fold", {**page}, panel_id="quick", section="groups")
    second = call("fold", {**page}, panel_id="quick", section="classes")
    third = call("fold", {**page}, panel_id="quick", section="groups")
    assert second.panel.get_state("folded") == ["classes", "groups", "matrix"]
    assert third.panel.get_state("folded") == ["classes", "matrix"]
    # A page that has seen the second, one of another panel, and one that is opened anew
    after = call("fold", {**third.panel.state._data}, panel_id="quick", section="matrix")
    assert after.panel.get_state("folded") == ["classes"]
    assert call("fold", {**page}, panel_id="other", section="matrix").panel.get_state("folded") == []
    anew = call("on_load", {"folded": ["matrix"]}, panel_id="quick").panel.state._data
    assert call("fold", anew, panel_id="quick", section="matrix").panel.get_state("folded") == []


def test_an_answer_that_comes_late_knows_of_the_click_after_it(
    call: Call, audited: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two quick clicks, of which the first is still drawn when the second comes: a page may get its answer last."""
    import fiftyone.operators as foo

    page = call("on_load", {"folded": ["matrix"]}).panel.state._data
    panel = type(foo.get_operator(URI))
    draw, second = panel.render, []

    def drawn_while_clicked(self: Any, context: Any) -> Any:
        made = draw(self, context)
        if not second:
            second.append(None)
            second[0] = call("fold", {**page}, panel_id="late", section="classes")
        return made

    monkeypatch.setattr(panel, "render", drawn_while_clicked)
    first = call("fold", {**page}, panel_id="late", section="groups")
    for context in (first, second[0]):
        assert context.panel.get_state("folded") == ["classes", "groups", "matrix"]
        text = json.dumps(requests(context, "show_panel_output")[-1])
        assert "Which classes are affected" in text and "car: 50 pixels now" not in text
        assert "Issues" in text and "Systematic: the same mistake in many images." not in text


def test_clicks_are_forgotten_once_the_page_has_seen_them(monkeypatch: pytest.MonkeyPatch) -> None:
    from label_quality.operators.panel import folding

    clicks, shown = folding.Clicks(), frozenset({"a"})
    assert clicks.toggle("panel", shown, "b") == {"a", "b"}
    assert clicks.toggle("panel", shown, "a") == {"b"}
    # As a page does that was opened again
    monkeypatch.setattr(folding, "_SEEN", 0.0)
    assert clicks.toggle("panel", shown, "a") == frozenset()
    for number in range(100):
        clicks.toggle(f"panel {number}", shown, "a")
    assert len(clicks._panels) == 64


def test_the_card_of_a_lint_shows_its_counts_and_leads_to_them(call: Call, audited: Any, fiftyone: Any) -> None:
    from label_quality import lint_masks

    text = shown(call("on_load", {"folded": []}))
    assert "Lint:" not in text
    mask = audited.first().ground_truth
    values = mask.get_mask().copy()
    values[3:6, 3:6] = 99
    sample = audited.first()
    sample.ground_truth = fiftyone.Segmentation(mask=values)
    sample.save()
    lint_masks(audited, "ground_truth")
    folded = shown(call("on_load"))
    assert "Lint: 1 finding in 1 of 4 masks" in folded and "outside the class table" not in folded
    loaded = call("on_load", {"folded": []})
    assert "Unknown value: values outside the class table" in shown(loaded)
    opened = call("open_lint_kind", loaded.panel.state._data, row=0)
    view = view_of(fiftyone, audited, opened)
    assert view.values("id") == [sample.id] and view.values("lq_lint.detections.label") == [["unknown_value"]]
    (active,) = requests(opened, "set_active_fields")
    assert "lq_lint" in json.dumps(active)
    # Again in the next view, where the page may have lost it
    assert requests(opened, f"{PLUGIN}/in_next_view") == [{"fields": ["lq_lint"]}]
    assert view_of(fiftyone, audited, call("show_lint", loaded.panel.state._data)).values("id") == [sample.id]
    lint_masks(audited, "ground_truth", clear=True)
    (note,) = requests(call("show_lint", loaded.panel.state._data), "notify")
    assert note["message"] == "What the lint had found is no longer on the dataset. Lint the masks again."


def test_a_lint_without_a_run_has_its_card_too(call: Call, dataset: Any) -> None:
    from label_quality import lint_masks

    lint_masks(dataset, "ground_truth", key="mine")
    text = shown(call("on_load"))
    assert "Find the masks that are wrong" in text and "Lint: nothing found in 4 masks" in text


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("predicted", "This run has predictions but no scores yet."),
        ("writing", "This run was interrupted. Start it again with the same name"),
        ("complete", "This run keeps no overview. Score it again"),
    ],
)
def test_a_run_without_an_overview_says_why(call: Call, dataset: Any, status: str, words: str) -> None:
    from label_quality.plugin.records.run_record import RunRecord, save_record

    save_record(dataset, RunRecord("lq", "ground_truth", status=status))
    text = shown(call("on_load"))
    assert words in text
    assert "Delete run…" in text


def test_what_the_user_must_know_comes_first(call: Call, audited: Any) -> None:
    from label_quality.plugin.records.run_record import load_record, save_record

    record = load_record(audited, "lq")
    record.out_of_sample, record.note = False, "The model may have seen these images."
    record.failures = [{"sample_id": "1", "path": "/x/9.png", "problem": "The mask is empty."}]
    save_record(audited, record)
    text = shown(call("on_load"))
    assert "The model may have seen these images." in text
    assert "1 image left out, such as 9.png: The mask is empty." in text


def test_a_run_without_suspects_offers_to_find_them(call: Call, audited: Any) -> None:
    from label_quality.plugin.records.record_parts import SuspectPart, WorstImage
    from label_quality.plugin.records.run_record import load_record, save_record

    record = load_record(audited, "lq")
    record.issues, record.classes, record.suspects = [], [], None
    record.overview.images_by_type = None
    record.overview.worst = [WorstImage(one.id, one.filepath, one.quality) for one in record.overview.worst]
    save_record(audited, record)
    text = shown(call("on_load"))
    assert "No suspects were looked for yet." in text
    assert "What is mistaken for what; click one" not in text
    assert "Pixels flagged" in text
    assert "by confident learning" in text
    assert "Leading suspect" not in text
    notes = ["No suspects were looked for: no probabilities."]
    record.suspects = SuspectPart(status="missing", notes=notes)
    save_record(audited, record)
    text = shown(call("on_load"))
    assert "No suspects were looked for: no probabilities." in text
    assert text.count("Find suspects…") == 1


def test_a_bar_or_a_range_of_the_distribution_opens_its_images(fiftyone: Any, call: Call, audited: Any) -> None:
    ids = audited.values("id")
    # 0.4 is the lower edge of its bin, and 1.0 the upper edge of the last
    assert view_of(fiftyone, audited, call("open_scores", state(), idx=20)).values("id") == [ids[0]]
    assert view_of(fiftyone, audited, call("open_scores", state(), idx=49)).values("id") == [ids[3]]
    dragged = call("select_scores", state(), data=[{"idx": 20}, {"idx": 9}, {"idx": 15}])
    assert view_of(fiftyone, audited, dragged).values("id") == [ids[2], ids[1], ids[0]]
    assert not requests(call("select_scores", state(), data=[]), "set_view")
    assert not requests(call("open_scores", state()), "set_view")


def test_another_score_can_be_chosen(call: Call, audited: Any) -> None:
    context = call("choose_score", state(), value="ccp")
    assert context.panel.get_state("page.cards.scores.score") == "ccp"
    chosen = context.panel.state._data
    (params,) = requests(call("open_scores", chosen, idx=20), "set_view")
    assert "lq_ccp" in json.dumps(params)


def test_a_type_of_error_opens_its_saved_view(fiftyone: Any, call: Call, audited: Any) -> None:
    assert requests(call("open_type", state(), idx=0), "set_view") == [{"name": "lq: drop suspects"}]
    assert len(view_of(fiftyone, audited, call("open_type", state(), idx=3))) == 0
    audited.delete_saved_view("lq: drop suspects")
    view = view_of(fiftyone, audited, call("open_type", state(), idx=0))
    assert view.values("lq_quality") == [0.3, 0.4]


def test_groups_and_cells_open_their_saved_views(fiftyone: Any, call: Call, audited: Any) -> None:
    known = drawn(call)
    assert requests(call("open_group", known, row=0), "set_view") == [{"name": "lq: car given as unlabelled"}]
    # The classes of the matrix are unlabelled, road and car
    assert requests(call("open_pair", known, idx=[1, 2]), "set_view") == [{"name": "lq: car given as road"}]
    assert not requests(call("open_pair", known, idx=[2, 1]), "set_view")
    # A click on the head of the table
    assert not requests(call("open_group", known, row=-1), "set_view")


def test_regions_without_a_saved_view_open_as_well(fiftyone: Any, call: Call, audited: Any) -> None:
    def regions(method: str, **params: Any) -> list[tuple[str, str]]:
        view = view_of(fiftyone, audited, call(method, drawn(call), **params))
        return list(zip(*view.values(["lq_suspects.given", "lq_suspects.suggested"]), strict=True))

    audited.delete_saved_view("lq: car given as road")
    assert regions("open_group", row=1) == [("road", "car")] * 2
    # By suspected share: unlabelled, road, car
    assert regions("open_class", idx=1, trace_idx=0) == [("road", "car")] * 2
    assert len(regions("open_class", idx=2, trace_idx=1)) == 4


def test_a_worst_image_opens_once_the_grid_is_sorted_worst_first(fiftyone: Any, call: Call, audited: Any) -> None:
    worst = audited.values("id")[2]
    known = drawn(call)
    context = call("open_worst", known, row=0)
    ranked = view_of(fiftyone, audited, context)
    assert ranked.values("lq_quality") == [0.2, 0.3, 0.4, 1.0]
    assert not requests(context, "open_sample")
    # First, as it takes the view of the moment for the one to wait for the end of
    asked = [one.operator_uri for one in context.executor._requests]
    assert asked.index(f"{PLUGIN}/in_next_view") < asked.index("set_view")
    assert requests(context, f"{PLUGIN}/in_next_view") == [{"id": worst}]
    again = call("open_worst", known, ranked._serialize(), row=0)
    assert requests(again, "open_sample") == [{"id": worst, "group_id": None}]
    assert not requests(again, "set_view")
    assert view_of(fiftyone, audited, call("show_worst_first", state())).values("lq_quality") == [0.2, 0.3, 0.4, 1.0]


def test_a_click_opens_what_was_drawn_where_the_run_has_changed_since(fiftyone: Any, call: Call, audited: Any) -> None:
    from label_quality.plugin.records.run_record import load_record, save_record

    known, record, worst = drawn(call), load_record(audited, "lq"), audited.values("id")[2]
    # In another order, and without the class that was drawn first
    record.issues, record.classes = record.issues[::-1], record.classes[1:]
    record.overview.worst = record.overview.worst[::-1]
    save_record(audited, record)
    for method, params, name in (
        ("open_group", {"row": 0}, "lq: car given as unlabelled"),
        ("open_group", {"row": 1}, "lq: car given as road"),
        ("open_pair", {"idx": [1, 2]}, "lq: car given as road"),
    ):
        clicked = call(method, known, **params)
        assert requests(clicked, "set_view") == [{"name": name}]
        # And it is drawn again as it is now
        rows = [f'"group": "car given as {given}"' for given in ("road", "unlabelled")]
        assert shown(clicked).index(rows[0]) < shown(clicked).index(rows[1])
    view = view_of(fiftyone, audited, call("open_class", known, idx=1, trace_idx=0))
    assert set(view.values("lq_suspects.given")) == {"road"}
    (opened,) = requests(call("open_worst", known, row=0), f"{PLUGIN}/in_next_view")
    assert opened["id"] == worst


def test_a_click_on_an_issue_that_is_gone_says_so(call: Call, audited: Any) -> None:
    from label_quality.plugin.records.run_record import load_record, save_record

    known, record = drawn(call), load_record(audited, "lq")
    record.issues = record.issues[1:]
    save_record(audited, record)
    for method, params in (("open_group", {"row": 0}), ("open_pair", {"idx": [0, 2]})):
        clicked = call(method, known, **params)
        (told,) = requests(clicked, "notify")
        assert told == {
            "message": "Run 'lq' has no issue “car given as unlabelled” any more, as its suspects were found anew. The "
            "panel now shows those that it has.",
            "variant": "error",
        }
        assert not requests(clicked, "set_view") and '"group": "car given as road"' in shown(clicked)
    (told,) = requests(call("open_group", state(), row=0), "notify")
    assert told["message"] == "What was clicked is not known. Open the panel again."


@pytest.mark.parametrize(
    ("method", "operator", "params"),
    [
        ("audit", "audit_labels", None),
        ("find_suspects", "find_suspects", {"key": "lq"}),
        ("tag", "tag_for_relabelling", {"key": "lq"}),
        ("delete", "delete_run", {"key": "lq"}),
        ("estimate", "estimate_errors", {"key": "lq"}),
        ("export", "export_clean_dataset", {"key": "lq"}),
        ("report", "write_report", {"key": "lq"}),
    ],
)
def test_buttons_open_forms_for_the_run(
    call: Call, audited: Any, method: str, operator: str, params: dict[str, str] | None
) -> None:
    (asked,) = requests(call(method, state()), "prompt_user_for_operation")
    assert asked["operator_uri"] == f"{PLUGIN}/{operator}"
    assert asked["params"] == params
    assert asked["on_success"] == f"{URI}#refresh"


def test_a_new_run_is_shown_at_once_and_a_deleted_one_is_left(call: Call, audited: Any) -> None:
    from label_quality.plugin.audit import delete_run
    from label_quality.plugin.records.run_record import RunRecord, save_record

    known = call("on_load").panel.state._data
    save_record(audited, RunRecord("next", "ground_truth", created="2030-01-01T00:00:00+00:00"))
    renewed = call("refresh", known)
    assert renewed.panel.get_state("page.top.run") == "next"
    back = call("choose_run", renewed.panel.state._data, value="lq")
    # The page may say for a moment that nothing is drawn, as here: then what usually is gives way to the run's
    (drawn,) = requests(back, "set_active_fields")
    assert [name for name in drawn["fields"] if name.startswith(("lq_", "next_"))] == ["lq_suspects"]
    assert call("refresh", back.panel.state._data).panel.get_state("page.top.run") == "lq"
    renewed = call("choose_run", back.panel.state._data, value="next")
    delete_run(audited, "next")
    assert call("refresh", renewed.panel.state._data).panel.get_state("page.top.run") == "lq"
    delete_run(audited, "lq")
    text = shown(call("refresh", known))
    assert "Find the masks that are wrong" in text


def test_it_is_drawn_again_only_where_it_looks_different(call: Call, audited: Any) -> None:
    from label_quality.plugin.records.run_record import RunRecord, save_record

    known = call("on_load").panel.state._data
    assert not requests(call("show_worst_first", known), "show_panel_output")
    save_record(audited, RunRecord("next", "ground_truth", created="2030-01-01T00:00:00+00:00"))
    clicked = call("show_worst_first", known)
    assert requests(clicked, "set_view")
    assert "Run “next”" in shown(clicked)


def stages(view: Any) -> list[dict[str, Any]]:
    """A view as the App sends it."""
    return view._serialize()


def test_only_what_is_on_show(fiftyone: Any, call: Call, audited: Any) -> None:
    on = {**state(), "folded": []}
    on["page"]["controls"] = {"following": False}
    some = stages(audited.match({"lq_quality": {"$lt": 0.35}}))
    switched = call("follow_view", on, view=some, value=True)
    known, text = switched.panel.state._data, shown(switched)
    # Of the images with 0.3 and 0.2, the first has two suspects, and no probability of them is known
    for words in ("1 image: click to see them", "50 % have a suspect to look at", "1 image from 0.30 to 0.32"):
        assert words in text, words
    assert "Correctly classified pixels" in text
    assert "2 images from" not in text and "1 image from 0.40" not in text and "car: 50 pixels now" not in text
    assert known["shown"]["worst"] == [audited.values("id")[place] for place in (2, 1)]
    # Clicks stay in the view
    assert view_of(fiftyone, audited, call("open_type", known, view=some, idx=0)).values("lq_quality") == [0.3]
    assert len(view_of(fiftyone, audited, call("open_group", known, view=some, row=0))) == 1
    scores = view_of(fiftyone, audited, call("open_scores", known, view=some, idx=20))
    assert scores.values("lq_quality") == []
    opened = call("open_worst", known, view=some, row=1)
    assert requests(opened, "open_sample") == [{"id": audited.values("id")[1], "group_id": None}]
    # It follows the view, patches among them, and does not where it is off
    patches = stages(audited.match({"lq_quality": 0.4}).to_patches("lq_suspects"))
    assert "1 image from 0.40" in shown(call("on_change_view", known, view=patches))
    nothing = shown(call("on_change_view", known, view=stages(audited.match({"lq_quality": 7}))))
    assert '"title": "0"' in nothing
    assert not requests(call("on_change_view", state(), view=some), "show_panel_output")


def test_all_on_show_is_the_whole_run(audited: Any) -> None:
    from label_quality.plugin.records.run_record import load_record
    from label_quality.plugin.runs.on_show import on_show

    record = load_record(audited, "lq")
    for view in (audited, audited.view(), audited.sort_by("lq_ccp")):
        found = on_show(view, record, "ccp")
        assert found.overview.scores == {name: record.overview.scores[name] for name in ("softmin", "ccp")}
        assert found.overview.worst == record.overview.worst
        types = {name: number for name, number in found.overview.images_by_type.items() if name != "none"}
        assert types == {"drop": 2}
        assert (found.scored, found.suspects.images, found.suspects.regions) == (4, 2, 4)
        assert [(one.title, one.images, one.regions) for one in found.issues] == [
            (one.title, one.images, one.regions) for one in record.issues
        ]


def test_what_goes_wrong_is_told_in_a_sentence(call: Call, audited: Any) -> None:
    audited.delete_sample_field("lq_softmin")
    chosen = state()
    chosen["page"]["cards"]["scores"]["score"] = "ccp"
    audited.delete_sample_field("lq_ccp")
    (told,) = requests(call("open_scores", chosen, idx=1), "notify")
    assert told == {
        "message": "The scores are no longer on the dataset: its field 'lq_ccp' was deleted.",
        "variant": "error",
    }
    chosen["page"]["top"]["run"] = "gone"
    text = shown(call("choose_score", chosen, value="quality"))
    assert "has no label quality run 'gone'. Its runs are: lq." in text


def test_delegated_operations_are_shown_until_they_end(call: Call, audited: Any) -> None:
    import fiftyone.operators as foo
    from fiftyone.operators.delegated import DelegatedOperationService
    from fiftyone.operators.executor import ExecutionProgress, ExecutionResult

    assert foo.get_operator(f"{PLUGIN}/find_suspects")(audited, delegate=True).delegated
    service = DelegatedOperationService()
    (operation,) = service.list_operations(dataset_id=audited._doc.id)
    text = shown(call("on_load"))
    assert "Waiting for a worker: none was found on this machine." in text
    assert "TimerView" in text
    service.set_running(operation.id)
    service.set_progress(operation.id, ExecutionProgress(0.25, "Finding suspects: 1 of 4"))
    text = shown(call("on_load"))
    assert "Finding suspects: 1 of 4" in text
    assert '"default": 0.25' in text
    error = (
        "Traceback (most recent call last):\n  File x\n"
        "label_quality.plugin.base.errors.LabelQualityError: The run is gone."
    )
    service.set_failed(operation.id, result=ExecutionResult(error=error))
    text = shown(call("on_load"))
    assert "failed: The run is gone." in text
    assert "TimerView" not in text
    service.delete_operation(operation.id)


def test_it_opens_in_well_under_a_second_at_20000_images(call: Call, audited: Any) -> None:
    from label_quality.plugin.records.run_record import load_record, save_record
    from label_quality.plugin.runs.overview import ScoreOverview

    record, rng, classes = load_record(audited, "lq"), np.random.default_rng(0), 150
    ids = [f"{index:024x}" for index in range(20_000)]
    scores = ScoreOverview("softmin")
    scores.update(ids, {name: rng.beta(8, 2, len(ids)) for name in ("softmin", "ccp", "iou", "clc")})
    record.overview = scores.overview(dict.fromkeys(ids, "/a/long/folder/of/images/name.png"))
    record.scored = len(ids)
    record.issues = [group("road", "car", title=f"group {index}") for index in range(1000)]
    record.confident_joint = rng.integers(0, 10**9, (classes, classes)).tolist()
    record.noise_matrix = rng.random((classes, classes)).tolist()
    save_record(audited, record)
    call("on_load")
    started = time.perf_counter()
    context = call("on_load")
    assert time.perf_counter() - started < 1
    text = shown(context)
    assert "20,000" in text
    assert len(text) < 200_000
    assert "Show one of 990 others…" in text
    assert text.count("name.png") == 10
    (asked,) = requests(call("show_groups", state()), "prompt_user_for_operation")
    assert asked["operator_uri"] == f"{PLUGIN}/show_group"


def image_context(
    audited: Any, sample: int | str | None, method: str = "on_load", view: Any = None, **params: Any
) -> Any:
    """Calls a method of the panel beside an open image."""
    import fiftyone.operators as foo
    from fiftyone.operators.executor import ExecutionContext, Executor

    uri = f"{PLUGIN}/image_quality_panel"
    current = audited.values("id")[sample] if isinstance(sample, int) else sample
    arguments = {"panel_id": "panel", "panel_state": {}, "__method__": method, **copy.deepcopy(params)}
    known = {"dataset_id": str(audited._doc.id), "view": view or [], "current_sample": current, "params": arguments}
    context = ExecutionContext(known, executor=Executor(), operator_uri=uri)
    foo.get_operator(uri).execute(context)
    return context


def test_beside_an_image_its_place_suspects_and_scores_are_shown(audited: Any) -> None:
    text = shown(image_context(audited, 1))
    for words in ("0.300", "of 4 images", "Softmin", "car given as unlabelled", "car given as road", "Drop", "Swap"):
        assert words in text, words
    assert text.index("car given as unlabelled") < text.index("car given as road")
    assert '"title": "2"' in text
    assert "This mask has none" in shown(image_context(audited, 2))


def test_a_region_that_is_clicked_is_marked_in_the_image(audited: Any) -> None:
    known = image_context(audited, 1).panel.state._data
    (asked,) = requests(image_context(audited, 1, "select_region", panel_state=known, row=1), "set_selected_labels")
    (label,) = asked["labels"]
    sample = audited[audited.values("id")[1]]
    assert label == {"sample_id": sample.id, "label_id": sample.lq_suspects.detections[1].id, "field": "lq_suspects"}
    assert sample.lq_suspects.detections[1].given == "road"
    assert not requests(image_context(audited, 1, "select_region", panel_state=known, row=-1), "set_selected_labels")


def test_a_region_is_marked_that_was_drawn_where_it_was_clicked(audited: Any) -> None:
    sample = audited[audited.values("id")[1]]
    known = image_context(audited, 1).panel.state._data
    first, second = sample.lq_suspects.detections
    # Another order since
    first.evidence, second.evidence = 1.0, 9.0
    sample.save()
    (asked,) = requests(image_context(audited, 1, "select_region", panel_state=known, row=0), "set_selected_labels")
    assert asked["labels"][0]["label_id"] == first.id
    sample.lq_suspects.detections = [second]
    sample.save()
    gone = image_context(audited, 1, "select_region", panel_state=known, row=0)
    (told,) = requests(gone, "notify")
    assert told["message"] == (
        "This suspect is not among those of the image any more. The panel now shows those that there are."
    )
    assert not requests(gone, "set_selected_labels") and "car given as unlabelled" not in shown(gone)


def test_a_patch_shows_the_image_that_it_is_of(audited: Any) -> None:
    from label_quality.plugin.dataset.views import suspect_regions

    patches = suspect_regions(audited, "lq")
    text = shown(image_context(audited, patches.first().id, view=patches._serialize()))
    assert "0.300" in text


def test_an_image_without_scores_says_so(dataset: Any) -> None:
    assert "No run has scored this image yet." in shown(image_context(dataset, 0))
    assert "No run has scored this image yet." in shown(image_context(dataset, None))


def test_names_in_plots_are_text_not_markup(fiftyone: Any) -> None:
    from label_quality.operators.panel import plots as panel_plots
    from label_quality.plugin.suspects.class_effects import ClassEffect

    name = '<a href="https://example.com">x</a> & <b>y</b>'
    traces, layout, _ = panel_plots.matrix([issue(name, "car", regions=2)], [name, "car"])
    escaped = '&lt;a href="https://example.com"&gt;x&lt;/a&gt; &amp; &lt;b&gt;y&lt;/b&gt;'
    assert traces[0]["hovertext"][0][1] == f"car given as {escaped}<br>2 suspects in 1 image"
    assert layout["xaxis"]["ticktext"][0] == '&lt;a href="https://…'
    effect = ClassEffect(0, name, pixels_before=9, pixels_after=8, suspected_pixels=1, share=0.1, iou=None)
    for trace in panel_plots.class_bars([effect])[0]:
        assert trace["hovertext"][0].startswith(f"{escaped}: ")


def test_a_run_by_a_field_of_the_samples(fiftyone: Any, audited: Any, call: Call) -> None:
    audited.set_values("annotator", ["ann", "ann", "ben", "ben"])
    text = shown(call("on_load"))
    assert "Whose masks are worst" in text and "Choose a field…" in text
    chosen = state()
    chosen["page"]["cards"]["breakdown"] = {"field": "annotator"}
    chosen = call("choose_field", chosen, value="annotator")
    text = shown(chosen)
    # Two of two images have a suspect, and none of the others: Wilson's intervals
    assert '"value": "ann", "images": "2", "share": "100 % (34 to 100 %)"' in text
    assert '"value": "ben", "images": "2", "share": "0 % (0 to 66 %)"' in text
    known = chosen.panel.state._data
    view = view_of(fiftyone, audited, call("open_part", known, row=0))
    assert view.values("lq_quality") == [0.3, 0.4]
    (prompt,) = requests(call("show_breakdown", known), "prompt_user_for_operation")
    assert prompt["params"] == {"key": "lq", "field": "annotator"}
    # A field that was deleted meanwhile is let go
    audited.delete_sample_field("annotator")
    assert "100 % (34" not in shown(call("choose_run", known, value="lq"))
