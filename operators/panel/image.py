"""The panel beside an open image: how good its mask is, what is suspected in it, and by which scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import fiftyone.operators as foo
import fiftyone.operators.types as types
from bson import ObjectId

from ...plugin.base.database_errors import database_errors
from ...plugin.base.errors import LabelQualityError
from ...plugin.dataset.sample_fields import SAMPLE
from ...plugin.dataset.suspect_fields import SUSPECTS
from ...plugin.dataset.verdicts import REJECTED, strength
from ...plugin.documents.ownership import field_name
from ...plugin.review.decide import find_region, progress, suspects_owner
from ...plugin.samples.private_fiftyone import is_patches, patched_fields, stored_samples
from ..output.plain_text import plain
from . import layout
from . import text as words
from .events import told
from .region import region_card
from .runs import Header, headers, record_of

_HELP = (
    "The suspect that is open or selected: the image, the given mask and what is suggested. Below, what the latest run "
    "says of this image's mask."
)
#: Where the panel's state has the region that was clicked, with what was open then
_CLICKED = "clicked"
#: Where it has the ids of the suspects in the rows of its table: a click tells only the place of one
_ROWS = "rows"
_GONE = "This suspect is not among those of the image any more. The panel now shows those that there are."
#: Where it has how the App draws masks, as the page has told
_COLORS = "colors"
#: The operator of ``assets/app.js`` that tells it
_TELL_COLORS = "tell_mask_colors"

#: Of a region that somebody has drawn some are not there
_ATTRIBUTES = ("given", "suggested", "error_type", "probability", "evidence", "area")
#: What is looked at of a run
_FIELDS = (words.QUALITY, *words.SCORE_NAMES, SUSPECTS, REJECTED, SAMPLE)
_SCORED = {"$ne": None}
Region = dict[str, Any]


@dataclass(frozen=True)
class Shown:
    """What is open, and what a run says of it.

    Args:
        sample_id: the image
        header: the run's
        fields: the values of the run's fields on the image, as MongoDB keeps them
        region_id: of the patch, where one of the run's suspects is open
    """

    sample_id: str
    header: Header
    fields: dict[str, Any]
    region_id: str | None = None

    def of(self, name: str) -> Any:
        """The value of one of the run's fields, such as ``quality``; None where there is none."""
        return self.fields.get(field_name(self.header.key, name))

    def regions(self, name: str = SUSPECTS) -> list[Region]:
        """The image's suspects, or rejected ones, the strongest first."""
        found = (self.of(name) or {}).get("detections") or []
        return sorted((dict.fromkeys(_ATTRIBUTES) | one for one in found), key=strength, reverse=True)


class ImageQualityPanel(foo.Panel):
    """Shows what a run says of the image or the suspect that is open."""

    @property
    def config(self) -> foo.PanelConfig:
        """FiftyOne's description of the panel."""
        return foo.PanelConfig(
            name="image_quality_panel",
            label="Label quality of this image",
            icon="fact_check",
            help_markdown=_HELP,
            allow_multiple=False,
            surfaces="modal",
        )

    def on_change_current_sample(self, ctx: Any) -> None:
        """The panel follows the image."""

    def on_change_selected_labels(self, ctx: Any) -> None:
        """It follows the suspect that is selected in the image."""

    def refresh(self, ctx: Any) -> None:
        """It follows the review of the suspect that is open."""

    def see_colors(self, ctx: Any) -> None:
        """The page tells how it draws masks: by what it has drawn before, and by the settings of its user."""
        ctx.panel.set_state(_COLORS, {name: ctx.params[name] for name in ("pool", "custom")})

    @told
    def select_region(self, ctx: Any) -> None:
        """Shows the region that was clicked; in an image it does so as the one that is then selected."""
        shown, row = _shown(ctx), ctx.params.get("row", -1)
        if row < 0 or shown is None:
            return
        drawn = ctx.panel.get_state(_ROWS) or []
        region_id = drawn[row] if row < len(drawn) else None
        if region_id not in {str(one["_id"]) for one in shown.regions()}:
            raise LabelQualityError(_GONE)
        if shown.region_id is not None:
            # A patch shows no suspect but its own, so that no other can be marked in it
            ctx.panel.set_state(_CLICKED, [ctx.current_sample, region_id])
            return
        field = field_name(shown.header.key, SUSPECTS)
        ctx.ops.set_selected_labels([{"sample_id": shown.sample_id, "label_id": region_id, "field": field}])

    @database_errors()
    def render(self, ctx: Any) -> types.Property:
        """The image's sections, or why there are none."""
        return layout.page(lambda content: self._render(ctx, content))

    def _render(self, ctx: Any, page: types.Object) -> None:
        dataset, shown = ctx.dataset, _shown(ctx)
        if shown is None:
            label = "No run has scored this image yet. Run an audit from the panel “Label quality” of the grid."
            page.view("nothing", types.AlertView(severity="info", label=label))
            return
        searched = dataset.has_sample_field(field_name(shown.header.key, SUSPECTS))
        region = _chosen(ctx, shown)
        if region is not None:
            self._region(ctx, page, shown, region)
        _figures(page, dataset, field_name(shown.header.key, words.QUALITY), shown.of(words.QUALITY))
        if searched:
            regions = shown.regions()
            ids = [str(one["_id"]) for one in regions]
            if ctx.panel.get_state(_ROWS) != ids:
                ctx.panel.set_state(_ROWS, ids)
            self._suspects(page, regions)
        block = layout.card(page, "scores", "All scores", "From 0, probably wrong, to 1")
        rows = [
            {"score": phrase, "value": f"{shown.of(name):.3f}"}
            for name, phrase in words.SCORE_NAMES.items()
            if shown.of(name) is not None
        ]
        layout.table(block, "table", {"score": "Score", "value": "Value"}, rows, None, numbers=1, height=400)

    def _region(self, ctx: Any, page: types.Object, shown: Shown, region: Region) -> None:
        dataset, colors = ctx.dataset, ctx.panel.get_state(_COLORS)
        try:
            record = record_of(dataset.name, shown.header)
            found = progress(dataset, shown.header.key, [str(region["_id"])])
        except LabelQualityError as error:
            page.view("region", types.AlertView(severity="warning", label=plain(str(error))))
            return
        region_card(page, dataset, record, shown.sample_id, region, found, colors)
        ctx.trigger(f"{self.plugin_name}/{_TELL_COLORS}", {"field": record.label_field, "known": colors})

    def _suspects(self, page: types.Object, regions: list[Region]) -> None:
        if not regions:
            layout.card(page, "suspects", "Suspects", "This mask has none")
            return
        block = layout.card(page, "suspects", "Suspects", "Click one to see it above")
        rated = any(one["probability"] for one in regions)
        columns = {"issue": "Issue", "type": "Type", **({"probability": "Wrong"} if rated else {}), "pixels": "Pixels"}
        rows = [
            {
                "issue": f"{one['suggested']} given as {one['given']}" if one["given"] else "added by hand",
                "type": words.TYPE_NAMES.get(one["error_type"], one["error_type"] or "").partition(":")[0],
                **({"probability": words.probable(one["probability"]) if one["probability"] else ""} if rated else {}),
                "pixels": words.count(one["area"] or 0),
            }
            for one in regions
        ]
        layout.table(block, "table", columns, rows, self.select_region, numbers=2 if rated else 1)


def _figures(page: types.Object, dataset: Any, field: str, quality: float) -> None:
    samples = stored_samples(dataset)
    place, images = samples.count_documents({field: {"$lt": quality}}) + 1, samples.count_documents({field: _SCORED})
    row = layout.row(page, "figures", gap=2, alignItems="stretch")
    layout.figure(row, "quality", f"{quality:.3f}", "Quality of the mask", "1 is best")
    layout.figure(row, "place", words.count(place), "Place, the worst first", f"of {words.count(images, 'image')}")


def _shown(ctx: Any) -> Shown | None:
    """The image or patch that is open, and the run of the patch or the latest that has scored the image."""
    dataset, current = ctx.dataset, ctx.current_sample
    if not current:
        return None
    if not is_patches(ctx.view):
        return _scored(dataset, current)
    key = next(filter(None, (suspects_owner(dataset, name) for name in patched_fields(ctx.view))), None)
    sample_id = next(iter(ctx.view.select(current).values("sample_id")), None)
    if sample_id is None and key is not None:
        # A patch that is rejected leaves the view, and is still open where it was the last
        sample_id = str(find_region(dataset, key, current)["sample"])
    return None if sample_id is None else _scored(dataset, sample_id, key, current)


def _scored(dataset: Any, sample_id: str, key: str | None = None, patch: str | None = None) -> Shown | None:
    """An image with what the run of a key says of it, or the latest that has scored it."""
    runs = [header for header in headers(dataset) if header.key == (key or header.key)]
    names = [field_name(header.key, name) for header in runs for name in _FIELDS]
    if not runs or not ObjectId.is_valid(sample_id):
        return None
    found = stored_samples(dataset).find_one({"_id": ObjectId(sample_id)}, dict.fromkeys(names, True)) or {}
    for header in reversed(runs):
        if found.get(field_name(header.key, words.QUALITY)) is not None:
            return Shown(sample_id, header, found, None if key is None else patch)
    return None


def _chosen(ctx: Any, shown: Shown) -> Region | None:
    """The region to show: of a patch its own unless one is clicked, in an image the selected one, or the strongest."""
    regions = shown.regions()
    by_id = {str(one["_id"]): one for one in [*shown.regions(SAMPLE), *shown.regions(REJECTED), *regions]}
    if shown.region_id is None:
        wanted = [one["label_id"] for one in reversed(ctx.selected_labels or [])]
    else:
        opened, clicked = ctx.panel.get_state(_CLICKED) or (None, None)
        wanted = [clicked, shown.region_id] if opened == ctx.current_sample else [shown.region_id]
    return next((by_id[one] for one in wanted if one in by_id), next(iter(regions), None))
