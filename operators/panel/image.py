"""The panel beside an open image: how good its mask is, what is suspected in it, and by which scores."""

from __future__ import annotations

from typing import Any

import fiftyone.operators as foo
import fiftyone.operators.types as types

from ...plugin.base.database_errors import database_errors
from ...plugin.dataset.suspect_fields import SUSPECTS
from ...plugin.dataset.verdicts import strength
from ...plugin.samples.private_fiftyone import is_patches
from ...plugin.samples.slices import images_of
from . import layout
from . import text as words
from .events import told
from .runs import headers

_ATTRIBUTES = ("_id", "given", "suggested", "error_type", "probability", "evidence", "area")


class ImageQualityPanel(foo.Panel):
    """Shows what the latest run says of the image that is open."""

    @property
    def config(self) -> foo.PanelConfig:
        """FiftyOne's description of the panel."""
        return foo.PanelConfig(
            name="image_quality_panel",
            label="Label quality of this image",
            icon="fact_check",
            help_markdown="What the latest run says of this image's mask: its place, its suspects and its scores.",
            allow_multiple=False,
            surfaces="modal",
        )

    def on_change_current_sample(self, ctx: Any) -> None:
        """The panel follows the image."""

    @told
    def select_region(self, ctx: Any) -> None:
        """Marks the region that was clicked in the image."""
        dataset, row = ctx.dataset, ctx.params.get("row", -1)
        sample_id = _sample_id(ctx)
        key = _latest_run(dataset, sample_id) if sample_id else None
        if row < 0 or key is None or sample_id is None:
            return
        region = _regions(dataset, key, sample_id)[row]
        field = f"{key}_{SUSPECTS}"
        ctx.ops.set_selected_labels([{"sample_id": sample_id, "label_id": region["_id"], "field": field}])

    @database_errors()
    def render(self, ctx: Any) -> types.Property:
        """The image's sections, or why there are none."""
        return layout.page(lambda content: self._render(ctx, content))

    def _render(self, ctx: Any, page: types.Object) -> None:
        dataset, sample_id = ctx.dataset, _sample_id(ctx)
        key = _latest_run(dataset, sample_id) if sample_id else None
        if key is None or sample_id is None:
            label = "No run has scored this image yet. Run an audit from the panel “Label quality” of the grid."
            page.view("nothing", types.AlertView(severity="info", label=label))
            return
        scores = _scores(dataset, key, sample_id)
        _figures(page, dataset, key, scores[words.QUALITY])
        if dataset.has_sample_field(f"{key}_{SUSPECTS}"):
            self._suspects(page, _regions(dataset, key, sample_id))
        block = layout.card(page, "scores", "All scores", "From 0, probably wrong, to 1")
        rows = [
            {"score": words.SCORE_NAMES[name], "value": f"{value:.3f}"}
            for name, value in scores.items()
            if name != words.QUALITY and value is not None
        ]
        layout.table(block, "table", {"score": "Score", "value": "Value"}, rows, None, numbers=1, height=400)

    def _suspects(self, page: types.Object, regions: list[dict[str, Any]]) -> None:
        if not regions:
            layout.card(page, "suspects", "Suspects", "This mask has none")
            return
        block = layout.card(page, "suspects", "Suspects", "Click one to mark it in the image; the strongest first")
        rated = any(one["probability"] for one in regions)
        columns = {"issue": "Issue", "type": "Type", **({"probability": "Wrong"} if rated else {}), "pixels": "Pixels"}
        rows = [
            {
                "issue": f"{one['suggested']} given as {one['given']}" if one["given"] else "added by hand",
                "type": words.TYPE_NAMES.get(one["error_type"], one["error_type"] or "").partition(":")[0],
                **({"probability": f"{one['probability']:.0%}" if one["probability"] else ""} if rated else {}),
                "pixels": words.count(one["area"] or 0),
            }
            for one in regions
        ]
        layout.table(block, "table", columns, rows, self.select_region, numbers=2 if rated else 1)


def _figures(page: types.Object, dataset: Any, key: str, quality: float) -> None:
    field = f"{key}_{words.QUALITY}"
    dataset = images_of(dataset)
    place, images = len(dataset.match({field: {"$lt": quality}})) + 1, len(dataset.match({field: {"$ne": None}}))
    row = layout.row(page, "figures", gap=2, alignItems="stretch")
    layout.figure(row, "quality", f"{quality:.3f}", "Quality of the mask", "1 is best")
    layout.figure(row, "place", words.count(place), "Place, the worst first", f"of {words.count(images, 'image')}")


def _sample_id(ctx: Any) -> str | None:
    """The open image: that of the patch, where a patch is open."""
    current = ctx.current_sample
    if not current or not is_patches(ctx.view):
        return current
    return next(iter(ctx.view.select(current).values("sample_id")), None)


def _latest_run(dataset: Any, sample_id: str) -> str | None:
    """The latest run that has scored the image."""
    for header in reversed(headers(dataset)):
        field = f"{header.key}_{words.QUALITY}"
        if dataset.has_sample_field(field) and images_of(dataset).select(sample_id).values(field) not in ([], [None]):
            return header.key
    return None


def _scores(dataset: Any, key: str, sample_id: str) -> dict[str, Any]:
    names = [name for name in (words.QUALITY, *words.SCORE_NAMES) if dataset.has_sample_field(f"{key}_{name}")]
    columns = images_of(dataset).select(sample_id).values([f"{key}_{name}" for name in names])
    return {name: column[0] for name, column in zip(names, columns, strict=True)}


def _regions(dataset: Any, key: str, sample_id: str) -> list[dict[str, Any]]:
    """The image's suspects as the panel lists them, the strongest first."""
    path = f"{key}_{SUSPECTS}.detections"
    there = [name for name in _ATTRIBUTES if name == "_id" or dataset.get_field(f"{path}.{name}") is not None]
    columns = images_of(dataset).select(sample_id).values([f"{path}.{name.removeprefix('_')}" for name in there])
    rows = zip(*(column[0] or [] for column in columns), strict=True)
    regions = [dict.fromkeys(_ATTRIBUTES) | dict(zip(there, row, strict=True)) for row in rows]
    return sorted(regions, key=strength, reverse=True)
