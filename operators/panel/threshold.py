"""The panel's slider: from which suspicion on the chosen run's heatmap is drawn."""

from __future__ import annotations

from typing import Any

import fiftyone.operators.types as types

from ...plugin.dataset.heatmap_scale import draws_by_value, set_threshold, threshold
from ...plugin.dataset.ownership import field_name
from . import layout
from .events import told

#: Where the panel's state has it
_LEAST = "page.controls.least_row.least"
#: The operator of ``assets/app.js`` that changes the scale in the open page
_SET_SCALE = "set_heatmap_scale"
_STEP = 0.05
_BY_FIELD = (
    "This dataset's labels are coloured by field, so that no scale is drawn. Choose “Color by value” in the App's "
    "colour settings."
)


class ThresholdControl:
    """What a panel has to draw a heatmap from a value on."""

    plugin_name: str

    @told
    def choose_threshold(self, ctx: Any) -> None:
        """Draws the heatmap from another value on."""
        key, least = ctx.panel.get_state("page.top.run"), round(float(ctx.params.get("value") or 0.0), 2)
        ctx.panel.set_state(_LEAST, least)
        ctx.trigger(f"{self.plugin_name}/{_SET_SCALE}", set_threshold(ctx.dataset, key, least))
        if not draws_by_value(ctx.dataset):
            ctx.ops.notify(_BY_FIELD, variant="info")

    def find_threshold(self, ctx: Any, key: str | None) -> None:
        """Puts the slider to where the run's heatmap is drawn from."""
        ctx.panel.set_state(_LEAST, threshold(ctx.dataset, key) if key else 0.0)

    def render_threshold(self, ctx: Any, row: types.Object, key: str) -> None:
        """Adds the slider, where the run has a heatmap."""
        if ctx.dataset.has_sample_field(field_name(key, "heatmap")):
            layout.slider(row, "least", "Heatmap from", self.choose_threshold, _STEP)
