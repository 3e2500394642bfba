"""What the rows, cells and bars of the panel are: a click tells only the place of one, as it was when it was drawn."""

from __future__ import annotations

from typing import Any

from ...plugin.base.errors import LabelQualityError
from ...plugin.records.run_record import RunRecord
from ...plugin.suspects.issues import Group
from . import plots
from .sections import SHOWN_GROUPS, SHOWN_WORST, overview_of

#: Where the panel's state has what is shown: ids of the worst images, issues by their two classes, and names of the
#: classes of the matrix and of the bars
_SHOWN = "shown"
WORST, ISSUES, MATRIX, CLASSES = "worst", "issues", "matrix", "classes"


def keep_shown(ctx: Any, record: RunRecord) -> None:
    """Keeps with the page what it shows of a record, which may be another one when it is clicked."""
    shown = {
        WORST: [one.id for one in overview_of(record).worst[:SHOWN_WORST]],
        ISSUES: [[one.given_name, one.suggested_name] for one in record.issues[:SHOWN_GROUPS]],
        MATRIX: plots.matrix_classes(record.issues),
        CLASSES: [one.name for one in plots.leading_classes(record.classes)],
    }
    if ctx.panel.get_state(_SHOWN) != shown:
        ctx.panel.set_state(_SHOWN, shown)


def shown_at(ctx: Any, what: str, place: int) -> Any:
    """What the page shows at a place.

    Args:
        ctx: FiftyOne's execution context
        what: `WORST`, `ISSUES`, `MATRIX` or `CLASSES`
        place: that was clicked, from 0

    Raises:
        LabelQualityError: nothing was drawn there
    """
    shown = (ctx.panel.get_state(_SHOWN) or {}).get(what, [])
    if not 0 <= place < len(shown):
        raise LabelQualityError("What was clicked is not known. Open the panel again.")
    return shown[place]


def find_issue(record: RunRecord, given: str, suggested: str) -> Group | None:
    """The issue of two classes, None where the run has none (any more)."""
    return next((one for one in record.issues if (one.given_name, one.suggested_name) == (given, suggested)), None)


def no_issue(record: RunRecord, given: str, suggested: str) -> LabelQualityError:
    """What is said where an issue is gone since the panel was drawn."""
    return LabelQualityError(
        f"Run '{record.key}' has no issue “{suggested} given as {given}” any more, as its suspects were found anew. "
        "The panel now shows those that it has."
    )
