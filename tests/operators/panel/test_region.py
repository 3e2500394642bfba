"""The suspect that the panel beside an image shows: which one it is, and what is said of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ...region_pictures import take_apart

PLUGIN = "@label-quality/segmentation"
URI = f"{PLUGIN}/image_quality_panel"


@pytest.fixture
def dataset(rated_run: Any) -> Any:
    return rated_run


class Panel:
    """The panel beside an image or a patch, with the state that it keeps."""

    def __init__(self, dataset: Any, current: str, view: Any = None) -> None:
        self.dataset = dataset
        self.view = [] if view is None else view._serialize()
        self.current = current
        self.state: dict[str, Any] = {}
        self.selected: list[dict[str, str]] = []
        self.context: Any = None

    def call(self, method: str = "on_load", **params: Any) -> Panel:
        import fiftyone.operators as foo
        from fiftyone.operators.executor import ExecutionContext, Executor

        arguments = {"panel_id": "panel", "panel_state": self.state, "__method__": method, **params}
        request = {
            "dataset_id": str(self.dataset._doc.id),
            "view": self.view,
            "current_sample": self.current,
            "selected_labels": self.selected,
            "params": arguments,
        }
        self.context = ExecutionContext(request, executor=Executor(), operator_uri=URI)
        foo.get_operator(URI).execute(self.context)
        self.state = self.context.panel_state
        return self

    def requests(self, name: str) -> list[dict[str, Any]]:
        return [one.params for one in self.context.executor._requests if one.operator_uri.endswith(name)]

    @property
    def page(self) -> Any:
        (shown,) = self.requests("show_panel_output")
        return shown["output"]["type"]["properties"]["page"]["type"]["properties"]

    @property
    def title(self) -> str:
        return str(self.page["region"]["view"]["label"]).replace("\\", "")

    @property
    def hint(self) -> str:
        return str(self.page["region"]["view"]["description"]).replace("\\", "")

    @property
    def card(self) -> Any:
        return self.page["region"]["type"]["properties"]

    def pictures(self) -> list[str]:
        """The captions of the pictures, each of which can be taken apart."""
        captions = []
        for column in self.card["pictures"]["type"]["properties"].values():
            take_apart(column["type"]["properties"]["picture"]["default"])
            captions.append(column["type"]["properties"]["caption"]["view"]["title"])
        return captions

    def words(self, name: str) -> str:
        return str(self.card[name]["view"]["title"])

    def legend(self) -> dict[str, str]:
        """The classes that are named, and their colours."""
        named = self.card["legend"]["type"]["properties"].values()
        styles = [(one["view"]["title"], one["view"]["componentsProps"]["text"]["sx"]) for one in named]
        return {name: style["&::before"]["bgcolor"] for name, style in styles}


def region(dataset: Any, index: int, number: int) -> Any:
    return dataset.match({"index": index}).first().lq_suspects.detections[number]


def test_in_an_image_it_is_the_most_probable_one(dataset: Any) -> None:
    panel = Panel(dataset, dataset.values("id")[1]).call()
    assert panel.title == "Given as unlabelled, looks like tree, 80 %"
    assert panel.hint == "Drop: an object left out · 48 pixels"
    assert panel.pictures() == ["Image", "Given: unlabelled", "Suggested: tree"]
    assert panel.words("reviewed") == "0 of 5 reviewed" and "choose Annotate" in panel.words("redraw")
    assert panel.legend()["tree"] == "#009999"
    assert "region" not in Panel(dataset, dataset.values("id")[0]).call().page


def test_where_the_app_cannot_edit_masks_it_says_what_to_do(dataset: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import fiftyone as fo

    # Older ones have it not
    monkeypatch.delattr(fo.Dataset, "update_label_schema", raising=False)
    panel = Panel(dataset, dataset.values("id")[1]).call()
    assert panel.words("redraw").replace("\\", "") == (
        f"This FiftyOne ({fo.__version__}) cannot edit masks in the App. Update it to redraw suspects: pip install -U "
        "fiftyone."
    )


def test_what_is_nearly_certain_is_so_wherever_it_is_said(dataset: Any) -> None:
    sample = dataset.match({"index": 1}).first()
    number = len(sample.lq_suspects.detections)
    dataset.set_values(
        "lq_suspects.detections.probability", {sample.id: [0.997, *[0.5] * (number - 1)]}, key_field="id"
    )
    panel = Panel(dataset, sample.id).call()
    assert panel.title.endswith(", > 99 %")
    rows = panel.page["suspects"]["type"]["properties"]["table"]["default"]
    assert [row["probability"] for row in rows] == ["> 99 %", *["50 %"] * (number - 1)]


def test_it_is_the_one_that_is_selected_in_the_image(dataset: Any) -> None:
    panel = Panel(dataset, dataset.values("id")[1])
    other, chosen = region(dataset, 2, 0).id, region(dataset, 1, 1).id
    panel.selected = [{"label_id": one, "field": "lq_suspects", "sample_id": ""} for one in (chosen, other)]
    panel.call("on_change_selected_labels")
    assert panel.title == "Given as road, looks like car, 60 %"


def test_a_patch_shows_its_own_and_the_one_that_is_clicked(dataset: Any) -> None:
    from label_quality.plugin.dataset.views import suspect_regions

    patches = suspect_regions(dataset, "lq")
    second = region(dataset, 1, 1).id
    panel = Panel(dataset, second, patches).call()
    assert panel.title == "Given as road, looks like car, 60 %"
    # What is selected was so in an earlier patch
    panel.selected = [{"label_id": region(dataset, 1, 0).id, "field": "lq_suspects", "sample_id": ""}]
    assert panel.call("on_change_selected_labels").title == "Given as road, looks like car, 60 %"
    panel.call("select_region", row=0)
    assert panel.title == "Given as unlabelled, looks like tree, 80 %"
    assert not panel.requests("set_selected_labels")
    panel.current = region(dataset, 3, 0).id
    assert panel.call("on_change_current_sample").title == "Given as road, looks like car, 90 %"


def test_a_verdict_is_told_also_of_a_patch_that_is_rejected(dataset: Any) -> None:
    from label_quality.plugin.dataset.views import suspect_regions
    from label_quality.plugin.review.decide import set_verdict

    patches = suspect_regions(dataset, "lq")
    panel = Panel(dataset, region(dataset, 3, 0).id, patches)
    set_verdict(dataset, "lq", [panel.current], "confirmed", corrected_to="tree", reviewer="Ann", view=patches)
    panel.call("refresh")
    assert panel.hint == "Swap: a wrong class · 48 pixels · confirmed as tree by Ann"
    assert panel.pictures() == ["Image", "Given: road", "Chosen: tree"]
    assert panel.words("reviewed") == "1 of 5 reviewed"
    set_verdict(dataset, "lq", [panel.current], "rejected", reviewer="Ann", view=patches)
    panel.call("refresh")
    assert panel.title == "Given as road, looks like car, 90 %"
    assert panel.hint == "Swap: a wrong class · 48 pixels · rejected by Ann"


def test_masks_have_the_colours_that_the_page_tells(dataset: Any) -> None:
    panel = Panel(dataset, dataset.values("id")[1]).call()
    (asked,) = panel.requests("tell_mask_colors")
    assert asked == {"field": "ground_truth", "known": None}
    told = {"pool": ["#111111", "#222222"], "custom": {"20": "#123456"}}
    panel.call("see_colors", **told)
    assert panel.legend()["tree"] == "#123456"
    assert panel.requests("tell_mask_colors")[0]["known"] == told


def test_where_it_cannot_be_drawn_it_says_why_and_shows_the_rest(dataset: Any) -> None:
    sample = dataset.match({"index": 1}).first()
    Path(sample.filepath).unlink()
    panel = Panel(dataset, sample.id).call()
    assert panel.title == "Given as unlabelled, looks like tree, 80 %"
    assert "The image file does not exist." in panel.card["unreadable"]["view"]["label"].replace("\\", "")
    assert {"figures", "suspects", "scores"} <= set(panel.page)
    assert "Traceback" not in json.dumps(panel.page)
