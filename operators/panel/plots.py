"""The panel's plots as Plotly traces and layouts, made of what a run's record says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...plugin.runs.overview import BINS, bin_range
from ...plugin.suspects.class_effects import ClassEffect
from ...plugin.suspects.issues import Group
from .layout import ACCENT, FAINT, PALE_ACCENT, TYPE_COLORS
from .text import TYPE_NAMES, count, in_plot, percent, short

#: Classes at an axis: more would not be readable, and groups beyond are in the table
MATRIX_CLASSES = 12
BAR_CLASSES = 12
#: From so many images in one bin on, bins of a few could not be seen at a linear scale
_LOG_FROM = 100
_ROW = 26
#: Share of the largest number of images from which on a cell is nearly the full accent
_STRONG = 0.6
_AXIS = {"zeroline": False, "gridcolor": FAINT, "automargin": True, "fixedrange": True}
#: Without lines, and with room between the names and what they name
_PLAIN = {**_AXIS, "showgrid": False, "ticks": "outside", "ticklen": 6, "tickcolor": "rgba(0, 0, 0, 0)"}
#: Height of the plots beside a table, in pixels
_HEIGHT = 280

#: A plot: its traces, its layout and its height in pixels
Plot = tuple[list[dict[str, Any]], dict[str, Any], int]


def histogram(counts: Sequence[int]) -> Plot:
    """Images by score, a bar for each bin.

    Args:
        counts: of the bins of `plugin.runs.overview`
    """
    ranges = [bin_range(place) for place in range(BINS)]
    trace = {
        "type": "bar",
        "x": [(low + high) / 2 for low, high in ranges],
        "y": [number or None for number in counts],
        "width": [0.88 / BINS] * BINS,
        "marker": {"color": ACCENT},
        "hovertext": [
            f"{count(number, 'image')} from {low:.2f} to {high:.2f}"
            for number, (low, high) in zip(counts, ranges, strict=True)
        ],
        "hoverinfo": "text",
    }
    logarithmic = max(counts, default=0) >= _LOG_FROM
    scale: dict[str, Any] = {"type": "log", "dtick": 1} if logarithmic else {"rangemode": "tozero", "tickformat": ",d"}
    layout = {
        "xaxis": {**_PLAIN, "range": [0, 1], "title": axis_title("score; low: probably wrong")},
        "yaxis": {**_AXIS, **scale, "nticks": 5, "title": axis_title("images, log scale" if logarithmic else "images")},
        "selectdirection": "h",
        # A bar of few images is a sliver: the whole column above it counts
        "hovermode": "x",
    }
    return [trace], layout, _HEIGHT


def error_types(images: Mapping[str, int]) -> Plot:
    """Images by their leading type of error, a bar each.

    Args:
        images: number of images of each type; bars are in this order
    """
    names = list(images)
    trace = {
        "type": "bar",
        "orientation": "h",
        "x": list(images.values()),
        "y": [TYPE_NAMES.get(name, name) for name in names],
        "text": [count(number) for number in images.values()],
        "textposition": "outside",
        "cliponaxis": False,
        "marker": {"color": [TYPE_COLORS.get(name, ACCENT) for name in names]},
        "hovertext": [f"{count(number, 'image')}: click to see them" for number in images.values()],
        "hoverinfo": "text",
    }
    most = max(images.values(), default=0)
    layout = {
        "xaxis": {"visible": False, "fixedrange": True, "range": [0, max(1, most) * 1.15]},
        "yaxis": {**_PLAIN, "autorange": "reversed"},
        "bargap": 0.5,
        "hovermode": "y",
    }
    return [trace], layout, _HEIGHT


def matrix_classes(groups: Sequence[Group], most: int = MATRIX_CLASSES) -> list[str]:
    """The classes with the most evidence in groups, given or suggested, in the order of the class table.

    Args:
        groups: as the record has them
        most: at most so many
    """
    weights: dict[tuple[int, str], float] = {}
    for group in groups:
        for one in ((group.given, group.given_name), (group.suggested, group.suggested_name)):
            weights[one] = weights.get(one, 0.0) + group.evidence
    leading = sorted(weights, key=lambda one: (-weights[one], one))[:most]
    return [name for _, name in sorted(leading)]


def matrix(groups: Sequence[Group], names: Sequence[str]) -> Plot:
    """Images by given class (down) and suggested class (across).

    Args:
        groups: as the record has them
        names: the classes to show, `matrix_classes`
    """
    by_pair = {(group.given_name, group.suggested_name): group for group in groups}
    rows = [[by_pair.get((given, suggested)) for suggested in names] for given in names]
    most = max((cell.images for row in rows for cell in row if cell), default=1)
    places = list(range(len(names)))
    trace = {
        "type": "heatmap",
        "x": places,
        "y": places,
        "z": [[cell.images if cell else None for cell in row] for row in rows],
        "hovertext": [[_cell_text(cell) if cell else "" for cell in row] for row in rows],
        "hoverinfo": "text",
        "hoverongaps": False,
        "colorscale": [[0, PALE_ACCENT], [1, ACCENT]],
        "zmin": 0,
        "zmax": most,
        "showscale": False,
        "xgap": 1,
        "ygap": 1,
    }
    ticks = {"tickvals": places, "ticktext": [short(name) for name in names], "range": [-0.5, len(names) - 0.5]}
    layout = {
        "xaxis": {**_PLAIN, **ticks, "side": "bottom", "tickangle": -40, "title": axis_title("looks like")},
        "yaxis": {**_PLAIN, **ticks, "range": [len(names) - 0.5, -0.5], "title": axis_title("given as")},
        # Not as the cells' own text, whose colour would not follow the theme
        "annotations": [
            {
                "x": x,
                "y": y,
                "text": count(cell.images),
                "showarrow": False,
                "font": _cell_font(cell.images / most),
            }
            for y, row in enumerate(rows)
            for x, cell in enumerate(row)
            if cell
        ],
    }
    return [trace], layout, 120 + _ROW * max(3, len(names))


def leading_classes(classes: Sequence[ClassEffect], most: int = BAR_CLASSES) -> list[ClassEffect]:
    """The classes that the suggestions change most, by pixels lost and gained; the largest suspected share first.

    Args:
        classes: effects as the record has them
        most: at most so many
    """
    changed = [one for one in classes if one.suspected_pixels or one.pixels_after != one.pixels_before]
    leading = sorted(changed, key=lambda one: (-_change(one), one.index))[:most]
    return sorted(leading, key=lambda one: (-(one.share or 0.0), one.index))


def class_bars(classes: Sequence[ClassEffect]) -> Plot:
    """For each class, left the share of its pixels that are suspects, right its growth once all are corrected.

    Args:
        classes: effects, `leading_classes`
    """
    names, places = [short(one.name) for one in classes], list(range(len(classes)))
    shares = [one.share or 0.0 for one in classes]
    growths = [growth(one) for one in classes]
    shown = [0.0 if value is None else value for value in growths]
    bars = {"type": "bar", "orientation": "h", "y": places, "textposition": "outside", "cliponaxis": False}
    left = {
        **bars,
        "x": shares,
        "text": [percent(one.share) for one in classes],
        "marker": {"color": ACCENT},
        "hovertext": [
            f"{in_plot(one.name)}: {count(one.suspected_pixels)} of {count(one.pixels_before)} pixels are suspects"
            for one in classes
        ],
        "hoverinfo": "text",
    }
    right = {
        **bars,
        "x": shown,
        "text": [_growth_text(value) for value in growths],
        "marker": {"color": [TYPE_COLORS["shift"] if value >= 0 else TYPE_COLORS["swap"] for value in shown]},
        "hovertext": [
            f"{in_plot(one.name)}: {count(one.pixels_before)} pixels now, {count(one.pixels_after)} corrected"
            for one in classes
        ],
        "hoverinfo": "text",
        "xaxis": "x2",
    }
    side = {"visible": True, "showticklabels": False, **_PLAIN}
    layout = {
        "xaxis": {
            **side,
            "domain": [0, 0.46],
            "range": [0, 1.35 * max([*shares, 0.001])],
            "title": axis_title("share suspected"),
        },
        "xaxis2": {
            **side,
            "domain": [0.54, 1],
            "range": _growth_range(shown),
            "title": axis_title("growth once corrected"),
            "zeroline": True,
            "zerolinecolor": FAINT,
        },
        "yaxis": {
            **_PLAIN,
            "tickvals": places,
            "ticktext": names,
            "range": [len(places) - 0.5, -0.5],
        },
        "bargap": 0.35,
        "hovermode": "y",
    }
    return [left, right], layout, 60 + _ROW * max(2, len(classes))


def growth(one: ClassEffect) -> float | None:
    """Pixels that a class gains by all suggestions, as a multiple of those it has; None if it has none."""
    before = one.pixels_before
    return (one.pixels_after - before) / before if before else None


def _cell_font(strength: float) -> dict[str, Any]:
    """In the theme's colour, and in black where the cell's own colour is strong on any theme."""
    return {"size": 12, "color": "#000000"} if strength > _STRONG else {"size": 12}


def axis_title(words: str) -> dict[str, Any]:
    """An axis's title, not in the colour that the App has for it, which is hard to read, but in that of the axis."""
    return {"text": words, "font": {"size": 12, "color": None}, "standoff": 8}


def _growth_range(values: Sequence[float]) -> list[float]:
    low, high = min([*values, 0.0]), max([*values, 0.0])
    room = 0.35 * max(high - low, 0.001)
    return [low - room if low < 0 else -0.05 * room, high + room]


def _growth_text(value: float | None) -> str:
    if value is None:
        return "new"
    return f"{'+' if value > 0 else '−' if value < 0 else ''}{percent(abs(value))}"


def _change(one: ClassEffect) -> int:
    lost = one.suspected_pixels
    return int(2 * lost + one.pixels_after - one.pixels_before)


def _cell_text(group: Group) -> str:
    suspects, images = count(group.regions, "suspect"), count(group.images, "image")
    return f"{in_plot(group.title)}<br>{suspects} in {images}"
