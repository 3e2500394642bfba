"""The operators that tag for relabelling and take it back: forms, Python calls, what the App is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .. import suspect_run
from .calls import errors

PLUGIN = "@label-quality/segmentation"
TAG, UNTAG = "tag_for_relabelling", "untag_relabelling"


def operator(name: str = TAG) -> Any:
    import fiftyone.operators as foo

    return foo.get_operator(f"{PLUGIN}/{name}")


def context(dataset: Any, name: str = TAG, request: dict[str, Any] | None = None, **params: Any) -> Any:
    from fiftyone.operators.executor import ExecutionContext, Executor

    request = {"dataset_name": dataset.name, "params": params, "prompt_id": "a prompt", **(request or {})}
    return ExecutionContext(request, executor=Executor(), operator_uri=f"{PLUGIN}/{name}")


def form(dataset: Any, name: str = TAG, request: dict[str, Any] | None = None, **params: Any) -> dict[str, Any]:
    prop = operator(name).resolve_type(context(dataset, name, request, **params), "inputs")
    prop.to_json()
    return prop.type.properties


def offered(properties: dict[str, Any], name: str = "choose") -> list[str]:
    return [choice.label for choice in properties[name].view.choices]


def plan(properties: dict[str, Any]) -> str:
    return properties["notice_plan"].view.label


def shown(view: Any) -> dict[str, Any]:
    """What the App sends of a view that it shows."""
    return {"view": view._serialize()}


def tagged(dataset: Any, tag: str = "relabel") -> list[int]:
    return sorted(dataset.match_tags(tag).values("index"))


@pytest.fixture
def dataset(unrated_run: Any) -> Any:
    return unrated_run


def test_the_form_starts_with_the_current_view_where_that_is_of_some_images(dataset: Any) -> None:
    sorted_only, some = dataset.sort_by("lq_quality"), dataset.match({"index": {"$lt": 3}})
    for view, first in ((sorted_only, "worst"), (some, "view"), (dataset.to_patches("lq_suspects"), "view")):
        assert form(dataset, request={"view": view._serialize()})["choose"].default == first
    assert form(dataset, request={"selected": [dataset.first().id]})["choose"].default == "selected"


def test_the_form_starts_with_the_worst_and_counts_them(dataset: Any) -> None:
    dataset.match({"index": 0}).tag_samples("relabel")
    properties = form(dataset)
    assert errors(properties) == {}
    assert offered(properties) == [
        "All images",
        "The worst",
        "All below a quality",
        "One type of error",
        "One issue",
    ]
    assert properties["choose"].default == "worst"
    assert list(properties) == ["choose", "worst", "tag", "advanced", "notice_plan"]
    assert plan(properties) == "Tags 4 images as 'relabel'; 1 has the tag already."
    assert plan(form(dataset, worst=1)) == "Tags 1 image as 'relabel'."
    assert plan(form(dataset, choose="threshold", below=0.5, tag="again")) == "Tags 2 images as 'again'."


def test_types_and_groups_are_offered_with_their_images(dataset: Any) -> None:
    properties = form(dataset, choose="error_type")
    assert offered(properties, "error_type") == [
        "Drop: an object left out (1 image)",
        "Swap: a wrong class (2 images)",
        "Shift: a displaced edge (1 image)",
        "Another (0 images)",
    ]
    assert plan(properties) == "Tags 2 images as 'relabel'."
    assert errors(form(dataset, choose="error_type", error_type="other")) == {
        "choose": "There are none: images whose leading suspect is of another type."
    }
    properties = form(dataset, choose="group", advanced=True, regions=True)
    assert offered(properties, "group")[0] == "car given as road (2 images)"
    assert plan(properties) == "Tags 2 images and 2 suspects as 'relabel'."


def test_a_selection_or_a_view_comes_first(dataset: Any) -> None:
    ids = dataset.values("id")
    properties = form(dataset, request={"selected": ids[:2]})
    assert (properties["choose"].default, offered(properties)[0]) == ("selected", "Selected (2)")
    assert plan(properties) == "Tags 2 images as 'relabel'."
    properties = form(dataset, request={"current_sample": ids[0]})
    assert (offered(properties)[0], plan(properties)) == ("The selected one", "Tags 1 image as 'relabel'.")
    label = {"label_id": "0" * 24, "sample_id": ids[3], "field": "lq_suspects"}
    assert plan(form(dataset, request={"selected_labels": [label, label]})) == "Tags 1 image as 'relabel'."
    properties = form(dataset, request=shown(dataset.limit(3)))
    assert (properties["choose"].default, offered(properties)[0]) == ("view", "The current view")
    assert plan(properties) == "Tags 3 images as 'relabel'."


def test_a_choice_can_be_narrowed_to_the_view(dataset: Any) -> None:
    request = shown(dataset.match({"index": {"$gt": 2}}))
    assert "within_view" not in form(dataset, request=request, advanced=True)
    properties = form(dataset, request=request, advanced=True, choose="group")
    assert plan(properties) == "Tags 2 images as 'relabel'."
    properties = form(dataset, request=request, advanced=True, choose="group", within_view=True)
    assert plan(properties) == "Tags 1 image as 'relabel'."


@pytest.mark.parametrize(
    ("params", "name", "text"),
    [
        ({"worst": 0}, "worst", "Expected “How many” to be at least 1 image, but got 0."),
        ({"choose": "threshold", "below": 2}, "below", "Expected “Quality below” to be a quality above 0 and at"),
        ({"choose": "group", "group": "x"}, "group", "Expected “Issue” to be one of 'car given as road'"),
        ({"choose": "best"}, "choose", "Expected “Images” to be one of view, worst, threshold, error_type"),
        ({"tag": " "}, "tag", "Expected “Tag” to be a name of up to 100 characters"),
        ({"tag": "$x"}, "tag", "Expected “Tag” to be a name that does not begin with '$', but got '$x'."),
    ],
)
def test_invalid_input_is_marked_as_it_is_typed(dataset: Any, params: dict[str, Any], name: str, text: str) -> None:
    found = errors(form(dataset, **params))
    assert list(found) == [name]
    assert text in found[name]


def test_another_run_can_be_chosen(dataset: Any, tmp_path: Path) -> None:
    suspect_run.add_run(dataset, tmp_path, "other")
    dataset.set_values("other_quality", [0.1] * 6)
    properties = form(dataset, advanced=True, choose="threshold")
    assert properties["key"].type.values == ["lq", "other"]
    assert plan(properties) == "Tags 6 images as 'relabel'."
    assert plan(form(dataset, advanced=True, choose="threshold", key="lq")) == "Tags 2 images as 'relabel'."


def test_without_a_run_images_can_still_be_tagged(make_dataset: Any) -> None:
    bare = make_dataset(count=2)
    properties = form(bare)
    assert (offered(properties), plan(properties)) == (["All images"], "Tags 2 images as 'relabel'.")
    assert errors(form(bare, advanced=True, regions=True)) == {"regions": "There are no suspects: find suspects first."}


def test_python_calls_tag_and_take_back(dataset: Any) -> None:
    ids = dataset.values("id")
    result = operator()(dataset, "group", group="car given as road", regions=True).result
    assert result == {
        "images": 2,
        "already": 0,
        "regions": 2,
        "message": "Tagged 2 images and 2 suspects as 'relabel'. Undo: 'Undo tagging for relabelling'.",
    }
    assert tagged(dataset) == [1, 3]
    result = operator(UNTAG)(dataset.limit(1)).result
    assert (result["images"], result["regions"], tagged(dataset)) == (2, 2, [])
    assert result["message"] == "Removed the tag 'relabel' from 2 images and 2 suspects."
    operator()(dataset.limit(2), tag="first")
    assert tagged(dataset, "first") == [0, 1]
    assert operator()(dataset.limit(2), tag="first").result["message"] == (
        "Nothing was tagged; 2 have the tag already."
    )
    operator()(dataset, "selected", tag="one", selected=[ids[5]])
    assert tagged(dataset, "one") == [5]


def test_python_calls_work_from_patches_and_saved_views(dataset: Any) -> None:
    patches = dataset.load_saved_view("lq: suspect regions")
    operator()(patches.limit(1), tag="strongest")
    assert tagged(dataset, "strongest") == [3]
    operator()(patches, "selected", tag="picked", selected=patches.values("id")[1:2], regions=True)
    assert tagged(dataset, "picked") == [1]
    assert dataset.match_tags("picked").values("lq_suspects.detections.tags") == [[["picked"], []]]
    operator()(dataset.load_saved_view("lq: shift suspects"), tag="shifted")
    assert tagged(dataset, "shifted") == [5]


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"choose": "group", "group": "x"}, "Expected parameter `group` to be one of 'car given as road'"),
        ({"choose": "worst", "worst": -1}, "Expected parameter `worst` to be at least 1 image, but got -1"),
        ({"choose": "best"}, "Expected parameter `choose` to be one of"),
        ({"size": 3}, "Unknown parameter 'size'; expected one of"),
    ],
)
def test_a_python_call_explains_what_is_wrong(dataset: Any, params: dict[str, Any], text: str) -> None:
    with pytest.raises(Exception, match=text):
        operator()(dataset, **params)
    assert tagged(dataset) == []


def test_the_app_is_told_and_reloads(dataset: Any) -> None:
    ctx = context(dataset, worst=2)
    operator().execute(ctx)
    assert [request.operator_uri for request in ctx.executor._requests] == ["reload_dataset", "notify"]
    assert ctx.executor._requests[1].params["message"] == (
        "Tagged 2 images as 'relabel'. Undo: 'Undo tagging for relabelling'."
    )
    assert tagged(dataset) == [1, 3]


def test_the_app_tags_the_selected_patches_images(dataset: Any) -> None:
    patches = dataset.load_saved_view("lq: suspect regions")
    request = {**shown(patches), "selected": patches.values("id")[:2]}
    properties = form(dataset, request=request)
    assert (offered(properties)[0], plan(properties)) == ("Selected (2)", "Tags 2 images as 'relabel'.")
    operator().execute(context(dataset, request=request))
    assert tagged(dataset) == [1, 3]


def test_the_form_of_undo_says_what_it_takes_back(dataset: Any) -> None:
    assert errors(form(dataset, UNTAG)) == {"error_tag": "There is no tagging to undo."}
    with pytest.raises(Exception, match="There is no tagging to undo"):
        operator(UNTAG)(dataset)
    operator()(dataset, "worst", worst=3, regions=True)
    text = form(dataset, UNTAG)["notice_tagging"].view.label
    assert text.startswith("This removes the tag 'relabel' from the 3 images and 4 suspects that got it on 20")
    assert text.endswith(" UTC; what had it before keeps it.")


def test_the_button_is_above_the_grid_where_there_are_masks(dataset: Any, fiftyone: Any) -> None:
    placement = operator().resolve_placement(context(dataset))
    assert placement.place.value == "samples-grid-secondary-actions"
    empty = fiftyone.Dataset()
    assert operator().resolve_placement(context(empty)) is None
    empty.delete()
