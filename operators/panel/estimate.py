"""The panel's card on how many errors there are, as `estimate_errors` has last said: see `dataset.sample_parts`."""

from __future__ import annotations

import fiftyone.operators.types as types

from ...plugin.dataset.views import TO_JUDGE, view_name
from ...plugin.records.record_parts import Measured
from ...plugin.records.run_record import RunRecord
from ...plugin.records.sample_parts import KeptEstimate, KeptIssue
from . import layout
from . import text as words

_HOW = (
    "Not known yet. “Estimate errors…” draws places at random; judging them by the keys y and n, some ten minutes, "
    "tells the share of wrong pixels with its 95 % interval."
)
_GO_ON = (
    "Not known yet: too little of what was drawn is judged. Judge the saved view “{view}” from its beginning by the "
    "keys y and n, then press “Estimate errors…” again."
)
#: Of the suspects that nobody has reviewed
_ISSUE_COLUMNS = {"issue": "Issue", "open": "Not reviewed", "real": "Really mistakes"}


def render_estimate(cards: types.Object, record: RunRecord, folding: layout.Folding) -> None:
    """Adds the card: the estimate that the run's record keeps, or in one line how to get one."""
    sample, hint = record.sample, "With 95 % intervals, from places drawn at random"
    block = layout.section(cards, "errors", "How many errors are left", hint, folding)
    if block is None:
        return
    if sample is None:
        layout.text(block, "how", _HOW, color="text.secondary")
    elif sample.estimate is None:
        layout.text(block, "how", _GO_ON.format(view=view_name(record.key, TO_JUDGE)), color="text.secondary")
    else:
        _estimate(block, sample.estimate)


def _estimate(block: types.Object, found: KeptEstimate) -> None:
    figures = layout.row(block, "figures", gap=2, alignItems="stretch")
    wrong, unfound, real = found.wrong_pixels, found.unfound_pixels, found.real_suspects
    caption = f"{words.percent(wrong.low)} to {words.percent(wrong.high)}"
    layout.figure(figures, "wrong", words.percent(wrong.value), "Wrong pixels", caption)
    shares = (words.percent(one / found.pixels) for one in (unfound.low, unfound.high))
    caption = f"{_between(unfound)}; {' to '.join(shares)} of all pixels"
    layout.figure(figures, "unfound", words.about(round(unfound.value)), "Wrong pixels not found yet", caption)
    if real is not None and found.open_suspects:
        caption = f"{_between(real)}, of {words.count(found.open_suspects)} that nobody has reviewed"
        layout.figure(figures, "real", words.about(round(real.value)), "Suspects to confirm yet", caption)
    if found.issues:
        rows = [_issue(one) for one in found.issues]
        layout.table(block, "issues", _ISSUE_COLUMNS, rows, None, numbers=2)
    verdicts = words.count(found.verdicts, "verdict")
    line = f"From {verdicts}, {words.when(found.created)}. “Estimate errors…” says it anew after further ones."
    layout.text(block, "line", line, color="text.secondary", fontSize="0.8125rem")


def _issue(one: KeptIssue) -> dict[str, str]:
    title, real = f"{one.suggested} given as {one.given}", one.real_suspects
    number = f"{real.value:,.0f} ({real.low:,.0f} to {real.high:,.0f})"
    return {"issue": title, "open": words.count(one.open_suspects), "real": number}


def _between(one: Measured) -> str:
    return f"{words.about(round(one.low))} to {words.about(round(one.high))}"
