"""Building blocks of the panels: cards, figures, tables and plots, in the App's own colours whatever its theme."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import fiftyone.operators.types as types

from ...plugin.documents.display import ERROR_COLORS
from ..execution import failure_text
from ..output.plain_text import plain

#: FiftyOne's own accent, as its histograms have it
ACCENT = "#ff6d04"
#: Of a pale fill that any theme's background shows through
PALE_ACCENT = "rgba(255, 109, 4, 0.12)"
#: Of lines that are seen on light and dark
FAINT = "rgba(140, 140, 140, 0.25)"
#: Of words that are read on light and dark
QUIET = "#8a8a8a"
TYPE_COLORS = ERROR_COLORS

_GAP = 2
_CLEAR = "rgba(0, 0, 0, 0)"
_SURFACE = "background.header"
_CARD = {
    "bgcolor": _SURFACE,
    "border": "1px solid",
    "borderColor": "divider",
    "borderRadius": 1,
    "p": _GAP,
    "height": "100%",
    "boxSizing": "border-box",
}
#: Widths that figures grow from: as many a row as fit; or four, and two where four do not fit, never three and one
FIGURE_WIDTH, FOUR_FIGURES_WIDTH = "150px", "clamp(20%, (660px - 100%) * 999, 45%)"
_COLUMN = {"display": "flex", "flexDirection": "column", "flexWrap": "nowrap", "alignItems": "stretch"}
_HEADER = {
    "container": {"sx": {"mb": 1.5}},
    "label": {"sx": {"fontSize": "1rem", "fontWeight": 500, "color": "text.primary"}},
    "description": {"sx": {"fontSize": "0.875rem", "color": "text.secondary"}},
}
#: Of a panel's outermost view: its content takes the whole width
_PAGE = {"grid": {"sx": {"display": "block"}}}
_CONFIG = {"displayModeBar": False, "scrollZoom": False, "doubleClick": False, "responsive": True}


@dataclass(frozen=True)
class Folding:
    """Which sections are folded.

    Args:
        folded: their names
        toggle: the panel's method that folds the one which ``ctx.params`` names as ``section``, or opens it
    """

    folded: frozenset[str]
    toggle: Callable[..., Any]


def page(fill: Callable[[types.Object], None]) -> types.Property:
    """A panel's page; what goes wrong while it is filled is shown in it, below what was there already.

    Args:
        fill: adds the content
    """
    panel = types.Object()
    content = column(panel, "page", p=2)
    try:
        fill(content)
    except Exception as error:
        content.view("error", types.AlertView(severity="error", label=plain(failure_text(error))))
    return types.Property(panel, view=types.GridView(componentsProps=_PAGE))


def grid(parent: types.Object, name: str, least: int, gap: float = _GAP, **sx: Any) -> types.Object:
    """Items side by side, as many as fit.

    Args:
        parent: what it is part of
        name: of the property
        least: width of an item in pixels, below which there are fewer in a row
        gap: between items, in units of 8 pixels
        **sx: more of its style
    """
    columns = f"repeat(auto-fit, minmax(min({least}px, 100%), 1fr))"
    style = {"display": "grid", "gridTemplateColumns": columns, "gap": gap, "alignItems": "stretch", **sx}
    return parent.grid(name, componentsProps={"grid": {"sx": style}})


def row(parent: types.Object, name: str, gap: float = 1, **sx: Any) -> types.Object:
    """Items side by side at their own width; those that do not fit go to the next line."""
    style = {"display": "flex", "flexWrap": "wrap", "flexDirection": "row", "alignItems": "center", "gap": gap, **sx}
    return parent.grid(name, componentsProps={"grid": {"sx": style}, "item": {"sx": {"width": "auto"}}})


def column(parent: types.Object, name: str, gap: float = _GAP, **sx: Any) -> types.Object:
    """Items below each other, at full width."""
    return parent.grid(name, componentsProps={"grid": {"sx": {**_COLUMN, "gap": gap, **sx}}})


def card(parent: types.Object, name: str, title: str, hint: str = "", wide: bool = False) -> types.Object:
    """A block with a title, and in a few words what clicking in it does.

    Args:
        parent: what it is part of
        name: of the property
        title: what it shows
        hint: what can be done with it
        wide: whether it takes the whole width
    """
    item = {"sx": {"gridColumn": "1 / -1"}} if wide else {"sx": {"minWidth": 0}}
    props = {"container": {"sx": _CARD}, "header": _HEADER, "grid": {"sx": {**_COLUMN, "gap": 1}}, "item": item}
    return parent.grid(name, label=plain(title), description=plain(hint) or None, componentsProps=props)


def section(
    parent: types.Object, name: str, title: str, hint: str, folding: Folding, *, wide: bool = False
) -> types.Object | None:
    """A card whose title folds it, and opens it again.

    Args:
        parent: what it is part of
        name: of the property, and of the section
        title: what it shows
        hint: what can be done with it
        folding: which are folded
        wide: whether it takes the whole width

    Returns:
        the card, to be filled; None where it is folded
    """
    folded = name in folding.folded
    item = {"gridColumn": "1 / -1"} if wide else {"minWidth": 0, **({"alignSelf": "start"} if folded else {})}
    props = {"container": {"sx": _CARD}, "grid": {"sx": {**_COLUMN, "gap": 1}}, "item": {"sx": item}}
    block = parent.grid(name, componentsProps=props)
    # As wide as its words: of a wider one the tip would lie over what is below it
    look = {"fontSize": "1rem", "fontWeight": 500, "color": "text.primary", "textTransform": "none", "p": 0}
    plain_look = {"background": "none", "boxShadow": "none"}
    parts = {"button": {"sx": {**look, **plain_look, "&:hover": plain_look}}, "item": {"sx": {"width": "auto"}}}
    icon = "chevron_right" if folded else "expand_more"
    block.btn("fold", label=title, icon=icon, on_click=folding.toggle, params={"section": name}, componentsProps=parts)
    if folded:
        return None
    if hint:
        text(block, "about", hint, color="text.secondary")
    return block


def figure(
    parent: types.Object, name: str, value: str, label: str, caption: str = "", basis: str = FIGURE_WIDTH
) -> None:
    """One number, large, with what it counts.

    Args:
        parent: what it is part of
        name: of the property
        value: the number
        label: what it is
        caption: what it is of
        basis: the width, in CSS, from which it grows
    """
    item = {"sx": {"flex": f"1 1 {basis}", "width": "auto", "minWidth": 0}}
    props = {"container": {"sx": _CARD}, "grid": {"sx": {**_COLUMN, "gap": 0.5}}, "item": item}
    block = parent.grid(name, componentsProps=props)
    text(block, "label", label, color="text.secondary")
    text(block, "value", value, fontSize="1.5rem", lineHeight=1.3, fontWeight=500)
    if caption:
        text(block, "caption", caption, color="text.secondary", fontSize="0.8125rem")


def text(parent: types.Object, name: str, words: str, *, fit: bool = False, **sx: Any) -> None:
    """A line or a paragraph; in a row, ``fit`` makes it as wide as its words."""
    style = {"fontSize": "0.875rem", "color": "text.primary", "overflowWrap": "anywhere", **sx}
    props = {"text": {"sx": style}, **({"item": {"sx": {"width": "auto"}}} if fit else {})}
    parent.view(name, types.TextView(title=words, padding=0, line_height=1.5, componentsProps=props))


def command(parent: types.Object, name: str, words: str) -> None:
    """A command to be pasted in a terminal, all of it in sight: one click selects it whole."""
    look: dict[str, Any] = {"fontFamily": "monospace", "bgcolor": FAINT, "borderRadius": 1, "p": 1}
    text(parent, name, words, fontSize="0.8125rem", userSelect="all", **look)


def button(
    parent: types.Object,
    name: str,
    label: str,
    on_click: Callable[..., Any],
    icon: str,
    *,
    primary: bool = False,
    title: str = "",
) -> None:
    """A button of a row of them.

    Args:
        parent: what it is part of
        name: of the property
        label: its words
        on_click: what it does
        icon: name of a Material icon
        primary: whether it is the one to press first
        title: what hovering over it tells
    """
    sx = {"whiteSpace": "nowrap", "px": 1.5, "py": 0.5, "fontWeight": 500}
    look: dict[str, Any] = {"variant": "contained", "color": "primary"} if primary else {"variant": "outlined"}
    props = {"button": {"sx": sx}, "item": {"sx": {"width": "auto"}}}
    look |= {"componentsProps": props, "title": title or None}
    parent.btn(name, label=label, on_click=on_click, icon=icon, **look)


def choice(
    parent: types.Object, name: str, labels: Mapping[str, str], label: str, on_change: Callable[..., Any]
) -> None:
    """A list to choose from; the panel's state holds what is chosen.

    Args:
        parent: what it is part of
        name: of the property
        labels: value of each choice to its words
        label: what is chosen
        on_change: what choosing does
    """
    item = {"sx": {"width": "auto", "minWidth": 200, "maxWidth": "100%"}}
    view = types.DropdownView(compact=True, label=label, description=label, componentsProps={"item": item})
    for value, words in labels.items():
        view.add_choice(value, label=words)
    parent.enum(name, view.values(), view=view, on_change=on_change)


def slider(
    parent: types.Object, name: str, label: str, on_change: Callable[..., Any], ends: tuple[int, int], step: int
) -> None:
    """A slider of whole numbers; the panel's state holds where it is, at ``<name>_row.<name>``.

    Args:
        parent: what it is part of
        name: of the property
        label: what it sets, in front of it
        on_change: what letting it go does
        ends: its least and its greatest number
        step: between its places
    """
    block = row(parent, f"{name}_row", gap=1.5)
    text(block, "label", label, fit=True)
    # FiftyOne's own margins are as high as three lines, and its label is cut
    item = {"sx": {"width": 140, "ml": 1, "& .MuiBox-root": {"p": 0}}}
    view = types.SliderView(
        label="",
        min=ends[0],
        max=ends[1],
        view_multiple_of=step,
        value_label_display="auto",
        value_precision=0,
        componentsProps={"item": item, "slider": {"size": "small", "marks": False}},
    )
    block.int(name, min=ends[0], max=ends[1], view=view, on_change=on_change)


def switch(parent: types.Object, name: str, label: str, on_change: Callable[..., Any]) -> None:
    """A switch with its words; the panel's state holds whether it is on."""
    parts = {"item": {"sx": {"width": "auto"}}, "container": {"sx": {"ml": -0.5}}, "switch": {"size": "small"}}
    view = types.SwitchView(label=label, componentsProps=parts)
    parent.bool(name, view=view, on_change=on_change)


def table(
    parent: types.Object,
    name: str,
    columns: Mapping[str, str],
    rows: Sequence[Mapping[str, Any]],
    on_click: Callable[..., Any] | None,
    *,
    numbers: int = 0,
    height: int = 280,
    style: Mapping[str, Any] | None = None,
) -> None:
    """A table as wide as its card.

    Args:
        parent: what it is part of
        name: of the property
        columns: key of each column to its heading
        rows: the cells by column
        on_click: called with the index of the row; None where rows cannot be clicked
        numbers: how many of the last columns are numbers, which are aligned right
        height: in pixels, from which on it scrolls
        style: more of the table's style
    """
    clickable = on_click is not None
    first_number = len(columns) - numbers + 1
    cell = {"fontSize": "0.875rem", "px": 1, "py": 0.75, "overflowWrap": "anywhere", "background": "inherit"}
    head = {**cell, "fontWeight": 500, "color": "text.secondary", "whiteSpace": "nowrap", "bgcolor": _SURFACE}
    # All of it here: a style of each cell's own would be worked out again for each of them whenever the panel is drawn
    look = {
        "minWidth": 0,
        "& th": head,
        "& td": cell,
        "& tbody tr:last-child td": {"border": 0},
        **({"& tbody tr": {"cursor": "pointer"}} if clickable else {}),
        f"& th:nth-of-type(n+{first_number}), & td:nth-of-type(n+{first_number})": {
            "textAlign": "right",
            "whiteSpace": "nowrap",
        },
    }
    props = {
        "tableContainer": {"elevation": 0, "sx": {"maxHeight": height, "background": "none", "boxShadow": "none"}},
        "table": {"stickyHeader": True, "sx": {**look, **(style or {})}},
        "tableHeadCell": {"sx": {}},
        "tableBodyCell": {"sx": {}},
        "tableBodyRow": {"hover": clickable, "sx": {}},
    }
    view = types.TableView(componentsProps=props, **({"on_click_row": on_click} if clickable else {}))
    for key, heading in columns.items():
        view.add_column(key, label=heading)
    parent.list(name, types.Object(), view=view, default=[{"id": str(i), **one} for i, one in enumerate(rows)])


def plot(
    parent: types.Object,
    name: str,
    data: list[dict[str, Any]],
    layout: Mapping[str, Any],
    height: int,
    on_click: Callable[..., Any] | None = None,
    on_selected: Callable[..., Any] | None = None,
) -> None:
    """A plot on its card's background.

    Args:
        parent: what it is part of
        name: of the property
        data: Plotly traces
        layout: more of Plotly's layout
        height: in pixels
        on_click: called with the point; None where nothing can be clicked
        on_selected: called with the points that a drag went over
    """
    handlers = {"on_click": on_click, "on_selected": on_selected}
    events = {name: handler for name, handler in handlers.items() if handler is not None}
    common = {
        "paper_bgcolor": _CLEAR,
        "plot_bgcolor": _CLEAR,
        "margin": {"t": 4, "l": 4, "b": 4, "r": 8, "pad": 0},
        "font": {"size": 12},
        "dragmode": "select" if on_selected is not None else False,
        "hoverlabel": {"font": {"size": 12}, "align": "left"},
        "bargap": 0.1,
    }
    parent.plot(name, data=data, layout={**common, **layout}, config=_CONFIG, height=f"{height}px", **events)
