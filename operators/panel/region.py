"""The card of one suspect in the panel beside an image: three pictures of it, and in words what is suspected."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import fiftyone.operators.types as types

from ...plugin.base.errors import LabelQualityError
from ...plugin.records.run_record import RunRecord
from ...plugin.regions.pictures import ClassShown, RegionPictures, draw_region
from ...plugin.review.decide import ReviewProgress
from ..output.plain_text import plain
from . import layout
from . import text as words

_NOTHING = "rgba(0, 0, 0, 0)"
#: Classes that the legend names
_NAMED = 12


def region_card(
    page: types.Object,
    dataset: Any,
    record: RunRecord,
    sample_id: str,
    region: Mapping[str, Any],
    progress: ReviewProgress,
    colors: Mapping[str, Any] | None,
) -> None:
    """Shows a region; where its image or a mask cannot be read, why.

    Args:
        page: what it is part of
        dataset: the dataset
        record: the run's
        sample_id: the region's image
        region: as MongoDB keeps it
        progress: of the review
        colors: how the App draws masks just now, as `draw_region` takes it
    """
    block = layout.card(page, "region", words.accusation(region), words.particulars(region))
    try:
        pictures = draw_region(dataset, record, sample_id, region, colors)
    except LabelQualityError as error:
        block.view("unreadable", types.AlertView(severity="warning", label=plain(str(error))))
        _reviewed(block, progress)
        return
    _pictures(block, region, pictures)
    row = layout.row(block, "legend", gap=1.5, rowGap=0)
    for index, shown in enumerate(pictures.classes[:_NAMED]):
        _legend(row, f"class_{index}", shown)
    more = len(pictures.classes) - _NAMED
    if more > 0:
        layout.text(row, "more", f"and {more} more", fit=True, color="text.secondary", fontSize="0.8125rem")
    _reviewed(block, progress)
    if not region.get("unit"):
        # What was drawn to be judged has no shape of its own
        layout.text(block, "redraw", words.redrawing(), color="text.secondary", fontSize="0.8125rem")


def _pictures(block: types.Object, region: Mapping[str, Any], pictures: RegionPictures) -> None:
    given, should = region.get("given"), region.get("label")
    captions = {
        "image": ("Image", pictures.image),
        "given": (f"Given: {given}" if given else "Given mask", pictures.given),
    }
    if pictures.suggested is not None:
        chosen = "Chosen" if region.get("corrected_to") else "Suggested"
        captions["suggested"] = (f"{chosen}: {should}", pictures.suggested)
    style = {"display": "grid", "gridTemplateColumns": "repeat(3, minmax(0, 1fr))", "gap": 1, "alignItems": "end"}
    # In the style of the whole, as a picture's own takes another form in every version of FiftyOne
    style["& img"] = {"display": "block", "width": "100%", "maxHeight": "50vh"}
    row = block.grid("pictures", componentsProps={"grid": {"sx": style}})
    for name, (caption, source) in captions.items():
        column = layout.column(row, name, gap=0.5)
        column.str("picture", default=source, view=types.ImageView(alt=caption))
        layout.text(column, "caption", caption, fontSize="0.8125rem")


def _legend(row: types.Object, name: str, shown: ClassShown) -> None:
    """A class's name after its colour; a class without one has an empty field, as the image shows through."""
    field = {
        "content": '""',
        "display": "inline-block",
        "width": "0.75em",
        "height": "0.75em",
        "marginRight": "0.4em",
        "bgcolor": shown.color or _NOTHING,
        "border": "1px solid",
        "borderColor": shown.color or "text.secondary",
    }
    layout.text(row, name, shown.name, fit=True, fontSize="0.8125rem", **{"&::before": field})


def _reviewed(block: types.Object, progress: ReviewProgress) -> None:
    layout.text(block, "reviewed", words.reviewed(progress.reviewed, progress.total), color="text.secondary")
