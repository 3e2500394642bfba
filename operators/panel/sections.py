"""What the panel shows of one run, section by section, made of the run's record alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import fiftyone.operators.types as types

from ...plugin.records.record_parts import COMPLETE, MISSING, PREDICTED, Overview, SuspectPart, WorstImage
from ...plugin.records.run_record import RunRecord
from ...plugin.runs.overview import estimates
from ..output.plain_text import plain
from . import layout, plots
from . import text as words

#: Rows of the tables, all in sight: each is drawn again with every click, and a button leads to the others
SHOWN_GROUPS = 10
SHOWN_WORST = 10
#: Pixels that they take where no cell has more than a line
_TABLE_HEIGHT = 480
#: Order of the bars by type of error
TYPE_ORDER = ("drop", "swap", "shift", "other")
_CARD_WIDTH = 400


class Events(Protocol):
    """What clicks do: methods of the panel, which FiftyOne calls by their names."""

    def choose_score(self, ctx: Any) -> None: ...
    def open_scores(self, ctx: Any) -> None: ...
    def select_scores(self, ctx: Any) -> None: ...
    def open_type(self, ctx: Any) -> None: ...
    def open_pair(self, ctx: Any) -> None: ...
    def open_group(self, ctx: Any) -> None: ...
    def open_class(self, ctx: Any) -> None: ...
    def open_worst(self, ctx: Any) -> None: ...
    def show_worst_first(self, ctx: Any) -> None: ...
    def show_groups(self, ctx: Any) -> None: ...
    def find_suspects(self, ctx: Any) -> None: ...


def overview_of(record: RunRecord) -> Overview:
    """The overview that a finished run keeps; empty where it has none."""
    found = record.overview
    return found if found is not None and found.scores else Overview()


def scores_of(record: RunRecord) -> dict[str, str]:
    """The distributions that can be chosen: name to phrase, the ranking score first."""
    overview = overview_of(record)
    quality = overview.quality
    names = [name for name in words.SCORE_NAMES if name in overview.scores and name != quality]
    first = {words.QUALITY: words.score_name(words.QUALITY, quality)} if quality else {}
    return first | {name: words.score_name(name, quality) for name in names}


def types_of(record: RunRecord) -> dict[str, int]:
    """Images by leading type of error, in the order of the bars; empty where suspects were not looked for."""
    images = overview_of(record).images_by_type or {}
    return {name: images.get(name, 0) for name in TYPE_ORDER} if images else {}


def summary_line(record: RunRecord) -> str:
    """One line on the chosen run: what was checked, with what, and when."""
    source = words.SOURCE_NAMES.get(record.source, record.source)
    parts = [f"Masks in “{record.label_field}”", source, words.when(record.created)]
    return " · ".join(part for part in parts if part)


def render(
    parent: types.Object, record: RunRecord, score: str, events: Events, folding: layout.Folding, written: bool = False
) -> types.Object | None:
    """Adds all sections of a run, or why there are none.

    Args:
        parent: what they go into
        record: the run's
        score: the chosen distribution
        events: what clicks do
        folding: which sections are folded
        written: whether a process is just writing the run's results

    Returns:
        the cards, to which others can be added; None where there are none
    """
    _warnings(parent, record)
    if not overview_of(record).scores:
        parent.view("nothing", types.AlertView(severity="info", label=_why_nothing(record, written)))
        return None
    _figures(parent, record)
    cards = layout.grid(parent, "cards", least=_CARD_WIDTH)
    _distribution(cards, record, score, events, folding)
    _types(cards, record, events, folding)
    _worst(cards, record, events, folding)
    if record.issues:
        _groups(cards, record, events, folding)
        _matrix(cards, record, events, folding)
        if record.classes:
            _classes(cards, record, events, folding)
    return cards


def _warnings(parent: types.Object, record: RunRecord) -> None:
    notes = {"note": "" if record.out_of_sample else record.note}
    if record.failures:
        first = record.failures[0]
        left_out = words.count(len(record.failures), "image")
        notes["failures"] = f"{left_out} left out, such as {words.file_name(first['path'] or '')}: {first['problem']}"
    for name, note in notes.items():
        if note:
            parent.view(name, types.AlertView(severity="warning", label=plain(note)))


def _why_nothing(record: RunRecord, written: bool) -> str:
    if written:
        return "The results of this run are being written to the dataset. They will be shown here when that is done."
    if record.status == PREDICTED:
        return "This run has predictions but no scores yet. Run “Score label quality” to rank the images."
    if record.status != COMPLETE:
        return "This run was interrupted. Start it again with the same name, and it continues where it was."
    return "This run keeps no overview. Score it again, and choose to overwrite it, to see one here."


def _figures(parent: types.Object, record: RunRecord) -> None:
    row = layout.row(parent, "figures", gap=2, alignItems="stretch")
    figures = _counted(record)
    basis = layout.FOUR_FIGURES_WIDTH if len(figures) == 4 else layout.FIGURE_WIDTH
    for name, value, label, caption in figures:
        layout.figure(row, name, value, label, caption, basis)


def _counted(record: RunRecord) -> list[tuple[str, str, str, str]]:
    """Name, value, label and caption of each figure."""
    found = estimates(record)
    overview = overview_of(record)
    ranking = overview.scores[str(overview.quality)]
    left_out = len(record.failures)
    caption = f"{words.count(left_out)} left out" if left_out else "none left out"
    figures = [("images", words.count(found.images), "Images checked", caption)]
    if record.suspects is not None and record.suspects.status != MISSING:
        figures.append(("regions", words.count(record.suspects.regions), "Suspects", _expected(record.suspects)))
    elif ranking.lowest is not None:
        figures.append(("quality", f"{ranking.lowest:.2f}", "Worst quality", "of an image; 1 is best"))
    if found.suspect_images is not None and found.images:
        share = f"{words.percent(found.suspect_images / found.images)} have a suspect to look at"
        figures.append(("suspects", words.count(found.suspect_images), "Images with suspects", share))
    flagged = None if found.flagged_share is None else words.percent(found.flagged_share)
    if found.suspect_pixels is not None and found.suspect_share is not None:
        caption = f"{words.about(found.suspect_pixels)} pixels that may be wrong"
        figures.append(("pixels", words.percent(found.suspect_share), "Pixels in suspects", caption))
    elif flagged:
        known = "" if found.flagged_pixels is None else f"{words.about(found.flagged_pixels)} "
        figures.append(("flagged", flagged, "Pixels flagged", f"{known}by confident learning"))
    return figures


def _expected(suspects: SuspectPart) -> str:
    """How many of the suspects are probably mistakes, as far as that is known."""
    if suspects.expected is None:
        return "places where a mask may be wrong"
    return f"about {words.count(round(suspects.expected))} of them are probably mistakes"


def _distribution(cards: types.Object, record: RunRecord, score: str, events: Events, folding: layout.Folding) -> None:
    hint = "Click a bar or drag over some to see those images"
    block = layout.section(cards, "scores", "How good the masks are", hint, folding)
    if block is None:
        return
    labels = scores_of(record)
    if len(labels) > 1:
        layout.choice(block, "score", labels, "Score", events.choose_score)
    overview = overview_of(record)
    name = str(overview.quality) if score == words.QUALITY else score
    data, look, height = plots.histogram(overview.scores[name].histogram)
    layout.plot(block, f"histogram_{record.key}_{score}", data, look, height, events.open_scores, events.select_scores)


def _types(cards: types.Object, record: RunRecord, events: Events, folding: layout.Folding) -> None:
    images = types_of(record)
    found = "Images by their leading error; click one to see them"
    hint = found if any(images.values()) else "Nothing was found: no image has a suspect" if images else ""
    block = layout.section(cards, "types", "What is wrong", hint, folding)
    if block is None:
        return
    if not images:
        notes = _suspect_notes(record) or ["No suspects were looked for yet."]
        for index, note in enumerate(notes):
            layout.text(block, f"note_{index}", note, color="text.secondary")
        if record.suspects is None or record.suspects.status != MISSING:
            layout.button(block, "find", "Find suspects…", events.find_suspects, "search", primary=True)
        return
    if not any(images.values()):
        return
    data, look, height = plots.error_types(images)
    layout.plot(block, f"types_{record.key}", data, look, height, events.open_type)
    for index, note in enumerate(_suspect_notes(record)):
        layout.text(block, f"note_{index}", note, color="text.secondary", fontSize="0.8125rem")


def _suspect_notes(record: RunRecord) -> list[str]:
    return record.suspects.notes if record.suspects is not None else []


def _worst(cards: types.Object, record: RunRecord, events: Events, folding: layout.Folding) -> None:
    block = layout.section(cards, "worst", "Worst images", "Click one to open it", folding)
    if block is None:
        return
    worst = overview_of(record).worst[:SHOWN_WORST]
    rows = [_worst_row(image, types_of(record)) for image in worst]
    columns = {"image": "Image", "suspect": "Leading suspect", "quality": "Quality"}
    if not types_of(record):
        columns.pop("suspect")
    layout.table(block, "images", columns, rows, events.open_worst, numbers=1, height=_TABLE_HEIGHT)
    layout.button(block, "all", "Show all in the grid, worst first", events.show_worst_first, "sort")


def _worst_row(image: WorstImage, kinds: Mapping[str, int]) -> dict[str, str]:
    row = {"image": words.file_name(image.filepath), "quality": f"{image.quality:.3f}"}
    return row | ({"suspect": words.leading_suspect(image)} if kinds else {})


def _groups(cards: types.Object, record: RunRecord, events: Events, folding: layout.Folding) -> None:
    groups = record.issues[:SHOWN_GROUPS]
    rated = groups[0].expected is not None
    hint = "What is mistaken for what; click one to see its suspects, then open the first and press y or n"
    if rated:
        hint += ". Probable: how many of them are mistakes"
    block = layout.section(cards, "groups", "Issues", hint, folding)
    if block is None:
        return
    rows = [
        {
            "group": group.title,
            "kind": words.KIND_NAMES.get(group.kind, group.kind),
            "images": words.count(group.images),
            "regions": words.count(group.regions),
            **({} if group.expected is None else {"expected": words.expected(group.expected)}),
        }
        for group in groups
    ]
    columns = {"group": "Issue", "kind": "Kind", "images": "Images", "regions": "Suspects"}
    if rated:
        # What they are sorted by
        columns["expected"] = "Probable"
    layout.table(
        block,
        "table",
        columns,
        rows,
        events.open_group,
        numbers=len(columns) - 2,
        height=_TABLE_HEIGHT,
        style={"& td:nth-of-type(2)": {"whiteSpace": "nowrap"}},
    )
    # Not as tips: FiftyOne shows those of a row over the next ones
    kinds = {group.kind for group in groups}
    for kind, meaning in words.KIND_MEANINGS.items():
        if kind in kinds:
            line = f"{words.KIND_NAMES[kind]}: {meaning}"
            layout.text(block, f"meaning_{kind}", line, color="text.secondary", fontSize="0.8125rem")
    others = len(record.issues) - len(groups)
    if others > 0:
        layout.button(block, "more", f"Show one of {words.count(others, 'other')}…", events.show_groups, "search")


def _matrix(cards: types.Object, record: RunRecord, events: Events, folding: layout.Folding) -> None:
    hint = "In how many images; click a cell to see its suspects"
    block = layout.section(cards, "matrix", "Which classes are confused", hint, folding)
    if block is None:
        return
    groups = record.issues
    names = plots.matrix_classes(groups)
    data, look, height = plots.matrix(groups, names)
    layout.plot(block, f"matrix_{record.key}", data, look, height, events.open_pair)


def _classes(cards: types.Object, record: RunRecord, events: Events, folding: layout.Folding) -> None:
    hint = "Of each class's pixels; click a bar to see the suspects given that class"
    block = layout.section(cards, "classes", "Which classes are affected", hint, folding)
    if block is None:
        return
    classes = plots.leading_classes(record.classes)
    data, look, height = plots.class_bars(classes)
    layout.plot(block, f"classes_{record.key}", data, look, height, events.open_class)
