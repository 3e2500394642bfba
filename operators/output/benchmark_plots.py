"""Precision and recall of a tested dataset's scores as a Plotly plot; the leading scores in a colour each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from ..panel.layout import ACCENT, FAINT, QUIET
from ..panel.plots import Plot, axis_title
from ..panel.text import percent
from .benchmark_text import AUPRC, Benchmark, Result, score_name, scores_of, value_of

#: Of the leading scores, the best first: apart also for colour-blind eyes, and read on light and dark
COLORS = (ACCENT, "#2f8fd8", "#2a9d76", "#b56ad0")
_OTHERS = "rgba(140, 140, 140, 0.45)"
_HEIGHT = 260
_TICKS = {"tickformat": ".0%", "dtick": 0.25, "ticks": "outside", "ticklen": 6, "tickcolor": "rgba(0, 0, 0, 0)"}
_AXIS = {"range": [0, 1.02], "zeroline": False, "fixedrange": True, "automargin": True, **_TICKS}


def leading_scores(benchmark: Benchmark) -> dict[str, str]:
    """The scores of the best mean AUPRC over all results, each with the colour that it has in every plot."""
    results = benchmark["results"]
    means = {}
    for name in scores_of(results):
        values = [value_of(one["scores"].get(name, {}).get(AUPRC)) for one in results]
        means[name] = fmean(value or 0.0 for value in values)
    ranked = sorted(means, key=lambda name: -means[name])
    return dict(zip(ranked, COLORS, strict=False))


def precision_recall(result: Result, colors: dict[str, str]) -> Plot:
    """A curve for each score, and what chance would give.

    Args:
        result: of one kind of error and architecture
        colors: `leading_scores`; the other scores are drawn behind them in grey
    """
    curves = result.get("curves", {})
    behind = [name for name in scores_of([result]) if name not in colors]
    traces = [_curve(name, curves[name], colors.get(name)) for name in (*behind, *reversed(colors)) if name in curves]
    if result["images"]:
        traces.insert(0, _chance(result["errors"] / result["images"]))
    layout = {
        "xaxis": {**_AXIS, "showgrid": False, "title": axis_title("wrong masks found")},
        "yaxis": {**_AXIS, "gridcolor": FAINT, "title": axis_title("wrong, of those seen")},
        "showlegend": False,
        # Room for the last tick's half that is beyond the axis
        "margin": {"t": 4, "l": 4, "b": 4, "r": 20, "pad": 0},
        "hovermode": "closest",
    }
    return traces, layout, _HEIGHT


def _curve(name: str, curve: Mapping[str, Sequence[float]], color: str | None) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "x": [round(value, 4) for value in curve["recall"]],
        "y": [round(value, 4) for value in curve["precision"]],
        "line": {"color": color or _OTHERS, "width": 2.5 if color else 1.25},
        "hovertemplate": f"{score_name(name)}<br>%{{y:.0%}} wrong of those seen,<br>"
        "%{x:.0%} of the wrong ones found<extra></extra>",
    }


def _chance(share: float) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "x": [0, 1],
        "y": [share, share],
        "line": {"color": QUIET, "width": 1, "dash": "dot"},
        "hoverinfo": "text",
        "hovertext": f"By chance: {percent(share)} wrong",
    }
