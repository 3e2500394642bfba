"""The operators of the review as the App's server and Python calls run them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from .. import app_edits

PLUGIN = "@label-quality/segmentation"
REVIEW, STATE = f"{PLUGIN}/review_suspects", f"{PLUGIN}/review_state"


@pytest.fixture
def found(fiftyone: Any, dataset: Any) -> Any:
    """The first sample has two suspects, of 9 and 4 nats, the second one of 7, the third none."""
    from label_quality.plugin.dataset.suspect_fields import write_suspects
    from label_quality.plugin.labels.class_table import ClassTable
    from label_quality.plugin.records.run_record import RunRecord, save_record
    from label_quality.plugin.suspects.image_suspects import ImageSuspects

    table = ClassTable.from_targets({0: "unlabelled", 3: "road", 7: "car", 20: "tree"})
    images = [
        ImageSuspects(
            sample_id=sample_id,
            size=(24, 32),
            given=np.array([1, 0][: len(nats)], np.int16),
            suggested=np.array([2, 3][: len(nats)], np.int16),
            kind=["swap", "drop"][: len(nats)],
            evidence=np.array(nats, float),
            area=np.full(len(nats), 4),
            confidence=np.full(len(nats), 0.5),
            box=np.array([[0, 0, 2, 2], [4, 4, 2, 2]][: len(nats)]).reshape(-1, 4),
            masks=["/a.png", "/b.png"][: len(nats)],
        )
        for sample_id, nats in zip(dataset.values("id"), [(9, 4), (7,), ()], strict=False)
    ]
    write_suspects(dataset, "lq", images, class_table=table, label_field="ground_truth")
    save_record(dataset, RunRecord("lq", "ground_truth", class_table=table.to_dict()))
    return dataset


def operator(uri: str = REVIEW) -> Any:
    import fiftyone.operators as foo

    return foo.get_operator(uri)


def context(dataset: Any, params: dict[str, Any] | None = None, view: Any = None, **request: Any) -> Any:
    """What the server makes of the App's request."""
    from fiftyone.operators.executor import ExecutionContext, Executor

    content = {"dataset_name": dataset.name, "params": params or {}, "prompt_id": "a prompt", **request}
    if view is not None:
        content["view"] = view._serialize(include_uuids=False)
    return ExecutionContext(content, executor=Executor(), operator_uri=REVIEW)


def form(ctx: Any) -> dict[str, Any]:
    prop = operator().resolve_type(ctx, "inputs")
    prop.to_json()
    return prop.type.properties


def errors(properties: dict[str, Any]) -> list[str]:
    return [prop.error_message for prop in properties.values() if prop.invalid]


def requests(ctx: Any) -> list[str]:
    """Names of the operators that the App is asked to run."""
    return [request.operator_uri.split("/")[-1] for request in ctx.executor._requests]


def sent(ctx: Any, name: str) -> dict[str, Any]:
    return next(one.params for one in ctx.executor._requests if one.operator_uri.split("/")[-1] == name)


def ids(dataset: Any) -> list[str]:
    return [one for image in dataset.values("lq_suspects.detections.id") for one in image or []]


def verdicts(dataset: Any) -> list[str | None]:
    return [one for image in dataset.values("lq_suspects.detections.verdict") for one in image or []]


def label(dataset: Any, region: str, field: str = "lq_suspects") -> dict[str, str]:
    return {"label_id": region, "sample_id": dataset.first().id, "field": field}


def test_python_calls_review_by_id(found: Any) -> None:
    first, second, third = ids(found)
    result = operator()(found, [first], reviewer="ada").result
    assert result["message"] == "Confirmed: 1 suspect. 1 of 3 reviewed: 1 confirmed, 0 rejected."
    assert found.first().lq_suspects.detections[0].reviewed_by == "ada"
    result = operator()(found.limit(1), [second, third], "reject").result
    assert result["message"] == "Rejected: 2 suspects. 3 of 3 reviewed: 1 confirmed, 2 rejected."
    found.reload()
    assert ids(found) == [first]
    operator()(found, [first], "change", "tree")
    assert found.first().lq_suspects.detections[0].label == "tree"
    result = operator()(found, [first, second, third], "undo").result
    assert result["message"] == "No verdict on: 3 suspects. 0 of 3 reviewed: 0 confirmed, 0 rejected."
    assert ids(found) == [first, second, third]


def test_an_undo_leaves_what_was_drawn_and_says_so(found: Any) -> None:
    first = ids(found)[0]
    app_edits.redraw(found, first, np.ones((9, 9)), [0.0, 0.0, 0.25, 0.25])
    result = operator()(found, [first], "undo").result
    assert result["message"] == (
        "No verdict on: 1 suspect. 1 of 3 reviewed: 1 confirmed, 0 rejected. What was drawn counts as edited or added "
        "for as long as it is there: choose Restore to have it as it was found."
    )
    assert verdicts(found) == ["edited", None, None]
    properties = form(context(found, selected_labels=[label(found, first)]))
    assert properties["notice_redraw"].view.label.startswith("To redraw it, open it, choose Annotate above the sidebar")
    with pytest.raises(Exception, match="The shape of 1 of the 1 is no longer among the files of run 'lq'"):
        operator()(found, [first], "restore")


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (
            {"decision": "maybe"},
            "Expected parameter `decision` to be one of confirm, change, reject, undo, restore, but got 'maybe'",
        ),
        ({"decision": "change"}, "Choose the right class"),
        ({"decision": "change", "corrected_to": "bus"}, "to be one of unlabelled, road, car, tree, but got 'bus'"),
        (
            {"region_ids": []},
            "Choose suspects first: open a patch of a saved view such as 'lq: suspect regions'",
        ),
        ({"region_ids": ["0" * 24]}, "1 of the 1 is not among the suspects of run 'lq'"),
        ({"key": "other"}, "has no suspects of a run 'other' to review"),
    ],
)
def test_calls_that_make_no_sense(found: Any, given: dict[str, Any], text: str) -> None:
    with pytest.raises(Exception, match=text):
        operator()(found, **{"region_ids": ids(found)[:1], **given})
    assert verdicts(found) == [None] * 3


def test_the_form_reviews_selected_labels(found: Any) -> None:
    chosen = [label(found, region) for region in ids(found)[:2]] + [label(found, "x", "ground_truth")]
    request = {"selected_labels": chosen, "current_sample": found.first().id}
    properties = form(context(found, **request))
    assert errors(properties) == []
    text = "2 suspects chosen. 0 of 3 reviewed: 0 confirmed, 0 rejected."
    assert properties["notice_chosen"].view.label == text
    assert properties["decision"].default == "confirm"
    assert "corrected_to" not in properties
    properties = form(context(found, {"decision": "change"}, **request))
    assert properties["corrected_to"].type.values == ["unlabelled", "road", "car", "tree"]
    assert errors(properties) == ["Choose the right class."]
    ctx = context(found, {"decision": "reject"}, **request)
    operator().execute(ctx)
    assert len(ids(found)) == 1
    assert requests(ctx) == [
        *("notify", "clear_selected_labels", "clear_selected_samples", "reload_dataset", "show_review")
    ]


def test_without_a_choice_the_form_says_what_to_do(found: Any, make_dataset: Any) -> None:
    for ctx in (context(found), context(found, current_sample=found.first().id), context(make_dataset())):
        assert errors(form(ctx))[0].startswith("Choose suspects first: open a patch of a saved view such as")


def test_an_image_with_one_suspect_needs_no_choice(found: Any) -> None:
    ctx = context(found, current_sample=found.skip(1).first().id)
    operator().execute(ctx)
    assert verdicts(found) == [None, None, "confirmed"]


def test_an_open_patch_is_reviewed_whatever_is_selected(found: Any) -> None:
    patches = found.to_patches("lq_suspects")
    first, second, _ = ids(found)
    request = {"selected": [first], "selected_labels": [label(found, first)], "current_sample": second}
    ctx = context(found, {"decision": "reject", "by_key": True}, patches, **request)
    operator().execute(ctx)
    assert ids(found) == [first, ids(found)[-1]]
    # The script goes on to the next patch, and shows the grid anew once the patch is closed
    assert requests(ctx) == ["show_review"]
    params = sent(ctx, "show_review")
    assert (params["region_ids"], params["patches"], params["reviewed"], params["total"]) == ([second], True, 1, 3)


def test_a_key_does_not_overrule_what_somebody_has_decided_meanwhile(found: Any) -> None:
    patches, first = found.to_patches("lq_suspects"), ids(found)[0]
    seen = {"region": first, "verdict": None}
    operator()(found, [first], "reject", reviewer="bob")
    ctx = context(found, {"decision": "confirm", "by_key": True, "seen": seen}, patches, current_sample=first)
    assert operator().execute(ctx) == {"overtaken": True}
    assert sent(ctx, "notify")["message"] == "bob has rejected it meanwhile. Press the key again to overrule that."
    assert requests(ctx) == ["notify"] and len(ids(found)) == 2
    # The page has shown it since
    seen["verdict"] = "rejected"
    ctx = context(found, {"decision": "confirm", "by_key": True, "seen": seen}, patches, current_sample=first)
    assert operator().execute(ctx)["confirmed"] == 1
    found.reload()
    assert len(ids(found)) == 3


def test_selected_patches_are_reviewed_together(found: Any) -> None:
    patches = found.to_patches("lq_suspects")
    ctx = context(found, {"decision": "confirm", "by_key": True}, patches, selected=ids(found)[:2])
    operator().execute(ctx)
    assert verdicts(found) == ["confirmed", "confirmed", None]
    assert patches.count_values("lq_suspects.verdict") == {"confirmed": 2, None: 1}
    assert requests(ctx)[0] == "notify"


def test_a_key_where_nothing_can_be_reviewed_does_nothing(found: Any, make_dataset: Any) -> None:
    patches = found.to_patches("lq_suspects")
    for ctx in (
        context(make_dataset(), {"decision": "reject", "by_key": True}),
        context(found, {"decision": "reject", "by_key": True}),
        context(found, {"decision": "reject", "by_key": True}, current_sample=found.skip(2).first().id),
        context(found, {"decision": "change", "by_key": True}, patches),
    ):
        assert errors(form(ctx)) == []
        assert operator().execute(ctx) == {}
        assert requests(ctx) == []
    ctx = context(found, {"decision": "reject", "by_key": True}, current_sample=found.first().id)
    assert operator().execute(ctx) == {}
    assert sent(ctx, "notify")["message"].startswith("Choose suspects first")
    assert verdicts(found) == [None] * 3


def test_the_key_for_another_class_opens_the_form_in_the_grid(found: Any) -> None:
    patches = found.to_patches("lq_suspects")
    ctx = context(found, {"decision": "change", "by_key": True}, patches, selected=ids(found)[:1])
    assert operator().execute(ctx) == {}
    prompt = sent(ctx, "prompt_user_for_operation")
    assert (prompt["operator_uri"], prompt["params"]) == (REVIEW, {"decision": "change"})


def test_patches_of_other_labels_are_not_reviewed(fiftyone: Any, found: Any) -> None:
    box = fiftyone.Detections(detections=[fiftyone.Detection(label="x", bounding_box=[0, 0, 1, 1])])
    found.set_values("boxes", [box] + [None] * 3)
    patches = found.to_patches("boxes")
    ctx = context(found, {"by_key": True}, patches, current_sample=patches.first().id)
    assert operator().execute(ctx) == {}
    assert operator(STATE).execute(ctx) == {"key": None}


def test_regions_of_two_runs_are_not_mixed(found: Any) -> None:
    found.clone_sample_field("lq_suspects", "new_suspects")
    found.get_field("new_suspects").info = {"label_quality": {"key": "new", "before": {}}}
    found.get_field("new_suspects").save()
    fields = ("lq_suspects", "new_suspects")
    chosen = [label(found, region, field) for region, field in zip(ids(found)[:2], fields, strict=True)]
    assert errors(form(context(found, selected_labels=chosen))) == ["Choose suspects of one run, not of lq and new."]


def test_the_state_says_what_is_on_show(found: Any) -> None:
    patches = found.to_patches("lq_suspects")
    first = ids(found)[0]
    state = operator(STATE).execute(context(found, view=patches, current_sample=first))
    assert state == {
        "key": "lq",
        "patch": True,
        "text": "Given as road, looks like car",
        # Not the given one
        "classes": ["unlabelled", "car", "tree"],
        # FiftyOne copies no other field to patches
        "layers": {"suspects": "lq_suspects"},
        "region": first,
        "verdict": None,
        "reviewed": 0,
        "total": 3,
        "confirmed": 0,
        "rejected": 0,
    }
    operator()(found, [first], "change", "tree", reviewer="ada")
    state = operator(STATE).execute(context(found, view=patches, current_sample=first))
    assert (state["text"], state["reviewed"]) == ("Given as road, looks like car: confirmed as tree by ada", 1)
    state = operator(STATE).execute(context(found, current_sample=found.first().id))
    assert (state["text"], state["patch"]) == ("Click a suspect to review it", False)
    assert state["layers"] == {"given": "ground_truth", "suspects": "lq_suspects"}
    for ctx in (context(found), context(found, current_sample=found.skip(2).first().id)):
        assert operator(STATE).execute(ctx) == {"key": None}


def test_the_state_tells_of_the_samples_around_one(found: Any) -> None:
    patches = found.to_patches("lq_suspects")
    shown = patches.values("id")
    state = operator(STATE).execute(context(found, {"around": shown[0]}, patches, current_sample=shown[0]))
    assert state["neighbours"] == {"ids": shown, "before": False, "after": False}
    assert state["key"] == "lq"
    # Also where there is nothing to review, as arrows lead on from there
    images = found.values("id")
    state = operator(STATE).execute(context(found, {"around": images[2]}, found.view(), current_sample=images[2]))
    assert state == {"key": None, "neighbours": {"ids": images, "before": False, "after": False}}
    assert "neighbours" not in operator(STATE).execute(context(found, {"around": images[0]}, patches))


def test_the_script_is_what_the_manifest_names(fiftyone: Any) -> None:
    import fiftyone.plugins as fop

    plugin = fop.get_plugin(PLUGIN)
    assert plugin.has_js
    with open(plugin.js_bundle_path) as script:
        text = script.read()
    assert all(name in text for name in ("/review_suspects", "/review_state", '"show_review"'))
