"""From which suspicion on a run's heatmap is drawn: a colour scale of the App that is dark below a threshold.

The App draws every value of a scale opaque, and only 0 not at all, so that what is below can be dark but not clear.
"""

from __future__ import annotations

from typing import Any

import fiftyone as fo
from fiftyone.core.plots.plotly import get_colormap

from ..base.errors import LabelQualityError
from .ownership import field_name

#: Of what is below the threshold
_DARK = (0, 0, 0)
#: Stops of a scale above the threshold
_STOPS = 16
_COLORS = 256
#: The App's own scale, where the user has set none
_USUAL = "viridis"
#: A colour of a scale: red, green and blue in 0..255
Color = tuple[int, int, int]


def threshold(dataset: fo.Dataset, key: str) -> float:
    """From which value on, in [0, 1], a run's heatmap is drawn; 0 where all of it is.

    Args:
        dataset: the dataset
        key: the run's key
    """
    return _ours(dataset, _path(key)) or 0.0


def set_threshold(dataset: fo.Dataset, key: str, least: float) -> dict[str, Any]:
    """Draws a run's heatmap from a value on, in the colours that it has without; the user's other settings stay.

    Args:
        dataset: the dataset, whose colour scheme is saved
        key: the run's key
        least: in [0, 1]; 0 for all of it

    Returns:
        ``path``, ``list`` and ``rgb`` of the scale, as an open page has it: also for all of the heatmap, as its grid
        loses the masks of instances where a scale goes

    Raises:
        LabelQualityError: the user has set a scale of their own for this heatmap
    """
    path, app = _path(key), dataset.app_config
    if _entry(dataset, path) is not None and _ours(dataset, path) is None:
        raise LabelQualityError(
            f"The colour scale of '{path}' is one that you have set. Remove it in the App's colour settings to draw "
            "the heatmap from a value on."
        )
    if app.color_scheme is None:
        app.color_scheme = fo.ColorScheme(color_by="value")
    others = [one for one in app.color_scheme.colorscales or [] if one["path"] != path]
    stops = _stops(dataset, least)
    entries = [*others, *([{"path": path, "name": None, "list": stops}] if least > 0 else [])]
    app.color_scheme.colorscales = entries or None
    dataset.save()
    return {"path": path, "list": stops, "rgb": _rgb(dataset, least)}


def draws_by_value(dataset: fo.Dataset) -> bool:
    """Whether the App draws heatmaps in the colours of a scale, and not in one colour of their field."""
    scheme = dataset.app_config.color_scheme
    return (scheme.color_by if scheme is not None else fo.app_config.color_by) == "value"


def _path(key: str) -> str:
    return field_name(key, "heatmap")


def _entry(dataset: fo.Dataset, path: str) -> dict[str, Any] | None:
    scheme = dataset.app_config.color_scheme
    entries = (scheme.colorscales or []) if scheme is not None else []
    return next((one for one in entries if one["path"] == path), None)


def _ours(dataset: fo.Dataset, path: str) -> float | None:
    """The threshold of a scale that was set here; None where there is none, or the user's own."""
    stops = (_entry(dataset, path) or {}).get("list") or []
    least = next((float(one["value"]) for one in stops if one["color"] != _text(_DARK)), 0.0)
    return least if stops and list(stops) == _stops(dataset, least) else None


def _usual(dataset: fo.Dataset) -> list[Color]:
    """The colours of values from 0 to 1 without a threshold."""
    scheme = dataset.app_config.color_scheme
    default = (scheme.default_colorscale if scheme is not None else None) or {}
    stops = [[one["value"], one["color"]] for one in default.get("list") or []]
    return list(get_colormap(stops or default.get("name") or fo.app_config.colorscale or _USUAL, n=_COLORS))


def _stops(dataset: fo.Dataset, least: float) -> list[dict[str, Any]]:
    """Dark up to just below the threshold, and from there on the usual colours."""
    usual = _usual(dataset)
    values = [least + (1 - least) * step / _STOPS for step in range(_STOPS + 1)] if least < 1 else [1.0]
    below = (0.0, max(0.0, least - 1 / _COLORS)) if least > 0 else ()
    dark = [{"value": value, "color": _text(_DARK)} for value in below]
    return [*dark, *({"value": value, "color": _text(usual[round(value * (_COLORS - 1))])} for value in values)]


def _rgb(dataset: fo.Dataset, least: float) -> list[list[int]]:
    first = round(least * (_COLORS - 1))
    return [list(_DARK if place < first else color) for place, color in enumerate(_usual(dataset))]


def _text(color: Color) -> str:
    return f"rgb({', '.join(map(str, color))})"
