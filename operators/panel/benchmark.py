"""The panel's section on how far the scores can be trusted: what a benchmark with known errors has found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import fiftyone.operators.types as types

from ...plugin.benchmark.records import COMPLETE, load_benchmark
from ...plugin.documents.custom_runs import BENCHMARK
from ..output import benchmark_text as text
from ..output.benchmark_plots import leading_scores, precision_recall
from ..output.plain_text import plain
from . import layout
from .events import told
from .folding import FoldingSections
from .runs import headers

#: Clicks of this section that change nothing in the panel
LEADING_ELSEWHERE = ("test_scores", "delete_benchmark")
_TITLE = "How far can these scores be trusted?"
#: Where the panel's state has what was chosen: the paths of the two lists
_KEY, _MEASURE = "page.trust.controls.benchmark", "page.trust.controls.measure"
_INTERVALS = (
    "In bold the best of each column; below each value is its 95 % interval: where two intervals overlap, the "
    "difference may be chance."
)
_CURVES = "The further up and to the right, the better; dotted is chance."
_PLOT_WIDTH = 260


class BenchmarkSection(FoldingSections):
    """The part of the panel that shows benchmarks; its methods are those of the panel."""

    plugin_name: str

    def identities(self, ctx: Any) -> list[str]:
        """What changes whenever a benchmark is made, goes on or is deleted."""
        return [one.identity for one in headers(ctx.dataset, BENCHMARK)] if ctx.dataset is not None else []

    def refresh_benchmarks(self, ctx: Any, known: Sequence[str]) -> None:
        """Goes to a benchmark that is new or has gone on, and away from one that is deleted.

        Args:
            ctx: FiftyOne's execution context
            known: the `identities` when the panel was last drawn
        """
        found = headers(ctx.dataset, BENCHMARK) if ctx.dataset is not None else []
        keys, new = [one.key for one in found], [one.key for one in found if one.identity not in known]
        if (known and new) or ctx.panel.get_state(_KEY) not in keys:
            ctx.panel.set_state(_KEY, (new or keys)[-1] if keys else None)
        if ctx.panel.get_state(_MEASURE) is None:
            ctx.panel.set_state(_MEASURE, text.AUROC)

    def choose_benchmark(self, ctx: Any) -> None:
        """Shows another benchmark."""
        ctx.panel.set_state(_KEY, ctx.params.get("value"))

    def choose_measure(self, ctx: Any) -> None:
        """Shows another measure of the same benchmark."""
        ctx.panel.set_state(_MEASURE, ctx.params.get("value"))

    @told
    def test_scores(self, ctx: Any) -> None:
        """Opens the form of the benchmark."""
        ctx.prompt(f"{self.plugin_name}/benchmark_scores", on_success=self.refresh)  # type: ignore[attr-defined]

    @told
    def delete_benchmark(self, ctx: Any) -> None:
        """Opens the form that deletes the benchmark."""
        params = {"key": ctx.panel.get_state(_KEY)}
        ctx.prompt(f"{self.plugin_name}/delete_run", params=params, on_success=self.refresh)  # type: ignore[attr-defined]

    def render_benchmark(self, ctx: Any, page: types.Object) -> None:
        """Adds the section: the chosen benchmark, or how to make one."""
        found = headers(ctx.dataset, BENCHMARK)
        if not found:
            # Where there are no scores yet either, the panel says what comes first
            if not headers(ctx.dataset):
                return
            block = layout.section(page, "trust", _TITLE, text.INVITATION, self.folding(ctx), wide=True)
            if block is None:
                return
            layout.button(layout.row(block, "buttons"), "test", "Benchmark the scores…", self.test_scores, "science")
            return
        keys = [one.key for one in reversed(found)]
        chosen = ctx.panel.get_state(_KEY)
        record = load_benchmark(ctx.dataset, chosen if chosen in keys else keys[0])
        block = layout.section(page, "trust", _TITLE, text.summary_line(record), self.folding(ctx), wide=True)
        if block is None:
            return
        measures = text.measures_of(record)
        self._controls(block, keys, measures)
        if record["status"] != COMPLETE:
            block.view("running", types.AlertView(severity="info", label=plain(text.progress(record))))
        elif not measures:
            block.view("nothing", types.AlertView(severity="warning", label="No kind of error could be tested."))
        if measures:
            chosen = ctx.panel.get_state(_MEASURE)
            _results(block, record, chosen if chosen in measures else next(iter(measures)))
        for index, remark in enumerate(text.remarks(record)):
            layout.text(block, f"remark_{index}", remark, color="text.secondary", fontSize="0.8125rem")

    def _controls(self, block: types.Object, keys: list[str], measures: dict[str, str]) -> None:
        controls = layout.row(block, "controls", gap=1.5)
        if len(keys) > 1:
            layout.choice(
                controls, "benchmark", {key: f"Benchmark “{key}”" for key in keys}, "Benchmark", self.choose_benchmark
            )
        if measures:
            layout.choice(controls, "measure", measures, "Measure", self.choose_measure)
        layout.button(controls, "test", "Benchmark the scores…", self.test_scores, "science")
        layout.button(controls, "remove", "Delete benchmark…", self.delete_benchmark, "delete")


def _results(block: types.Object, record: text.Benchmark, measure: str) -> None:
    figures = layout.row(block, "figures", gap=2, alignItems="stretch")
    for index, (value, label, caption) in enumerate(text.findings(record)):
        layout.figure(figures, f"finding_{index}", value, label, caption)
    layout.text(block, "hint", text.MEASURE_HINTS[measure], color="text.secondary")
    _table(block, record, measure)
    layout.text(block, "intervals", _INTERVALS, color="text.secondary", fontSize="0.8125rem")
    _curves(block, record)


def _table(block: types.Object, record: text.Benchmark, measure: str) -> None:
    columns = text.columns(record)
    marked = {
        f"& tbody tr:nth-of-type({row + 1}) td:nth-of-type({column + 1})": {
            "bgcolor": layout.PALE_ACCENT,
            "&::first-line": {"fontWeight": 700, "fontSize": "0.875rem", "color": "text.primary"},
        }
        for row, column in text.best_cells(record, measure)
    }
    # Value and interval, heading and count: a line each, the second one quiet
    lines = {
        "& th, & td": {"whiteSpace": "pre-line", "overflowWrap": "normal"},
        "& th:nth-of-type(n+2), & td:nth-of-type(n+2)": {"whiteSpace": "pre"},
        "& td:nth-of-type(n+2)": {"fontSize": "0.75rem", "color": "text.secondary", "lineHeight": 1.4},
        "& td::first-line": {"fontSize": "0.875rem", "color": "text.primary"},
        "& th::first-line": {"color": "text.primary"},
    }
    layout.table(block, "table", columns, text.rows(record, measure), None, height=640, style={**lines, **marked})


def _curves(block: types.Object, record: text.Benchmark) -> None:
    results = [one for one in record["results"] if one.get("curves")]
    if not results:
        return
    colors = leading_scores(record)
    layout.text(block, "curves_title", "Precision and recall", fontWeight=500, mt=1)
    layout.text(block, "curves_hint", _CURVES, color="text.secondary")
    legend = layout.row(block, "legend", gap=2, **{"&& > *": {"width": "auto"}})
    for name, color in colors.items():
        layout.text(legend, name, f"━ {text.score_name(name)}", color=color, fontWeight=500)
    layout.text(legend, "others", "━ the other scores", color=layout.QUIET)
    # An architecture's in a row, where there is room
    architectures = list(dict.fromkeys(one["architecture"] for one in results))
    most = max(2, len({one["kind"] for one in results}))
    width = f"max(min({_PLOT_WIDTH}px, 100%), calc((100% - {(most - 1) * 16}px) / {most}))"
    plots = layout.grid(
        block, "plots", least=_PLOT_WIDTH, gridTemplateColumns=f"repeat(auto-fill, minmax({width}, 1fr))"
    )
    for index, result in enumerate(sorted(results, key=lambda one: architectures.index(one["architecture"]))):
        cell = layout.column(plots, f"cell_{index}", gap=0.5)
        layout.text(cell, "title", text.title(record, result), fontWeight=500)
        data, look, height = precision_recall(result, colors)
        layout.plot(cell, f"curves_{record['key']}_{index}", data, look, height)
