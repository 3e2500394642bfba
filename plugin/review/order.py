"""The order in which suspects that nobody has reviewed are looked at: the most useful first, or together what is alike.

The usefulness of a verdict is the number of pixels that it is expected to put right,

    u = p · a

with the suspect's probability p and its area a in pixels; of suspects that are not rated, their evidence, which grows
with both.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import fiftyone as fo
import numpy as np
from fiftyone import ViewField as F

from ..base.database_errors import database_errors
from ..base.errors import LabelQualityError
from ..dataset.suspect_fields import SUSPECTS, strength_name
from ..dataset.views import group_view, suspect_regions
from ..documents.ownership import field_name
from ..records.run_record import RunRecord, load_record
from ..runs.collect_edits import collect_edits
from ..samples.private_fiftyone import root_of
from ..suspects.alike import alike_first
from .similar import descriptors_of, most_similar

PROBABLE, USEFUL, ALIKE, SIMILAR = "probable", "useful", "alike", "similar"
ORDERS = {
    PROBABLE: "The most probable first",
    USEFUL: "The most useful next: probable and large",
    ALIKE: "Those together that look alike",
    SIMILAR: "Those most like the selected suspect",
}
#: Suspects that are compared with each other: distances of so many take 100 MB
_MOST_ALIKE = 5000


@database_errors()
def order_suspects(
    collection: fo.Dataset | fo.DatasetView,
    key: str = "lq",
    order: str = USEFUL,
    *,
    given: str | None = None,
    suggested: str | None = None,
    to: str | None = None,
    brain_key: str | None = None,
) -> fo.DatasetView:
    """The suspects that nobody has reviewed, one patch each, in an order to review them in.

    ``useful``: by the pixels that a verdict is expected to put right, the probability times the area. ``alike``: issue
    by issue, and in each those together that look most alike by the features of the frozen encoder, beginning with the
    most useful, of 5,000 suspects at most; where a run has no such features, by probability. ``probable``: the most
    probable first. ``similar``: those most like the suspect ``to``, reviewed or not: by an index that FiftyOne's Brain
    has of them (``compute_similarity(dataset, patches_field="lq_suspects")``), else by the features of the frozen
    encoder, else by an index of the images.

    Args:
        collection: the dataset, or a view of it; suspects of all images are shown
        key: the run's key
        order: one of `ORDERS`
        given: name of the given class, together with ``suggested``, for the suspects of one issue
        suggested: name of the suggested class
        to: of the order ``similar``, the id of the suspect that the others are to be like
        brain_key: of the order ``similar``, the Brain's index to use

    Raises:
        LabelQualityError: no such run, order, suspect or index, it has no suspects, or nothing says what they look like
    """
    dataset = root_of(collection)
    if order not in ORDERS:
        raise LabelQualityError(f"Expected parameter `order` to be one of {', '.join(ORDERS)}, but got {order!r}.")
    if (given is None) != (suggested is None):
        raise LabelQualityError("Expected `given` and `suggested` together, the two classes of an issue, or neither.")
    if (order == SIMILAR) != (to is not None) or (brain_key is not None and order != SIMILAR):
        raise LabelQualityError(
            f"Expected `to`, the id of a suspect, and maybe `brain_key`, with the order '{SIMILAR}' and with no other."
        )
    record = load_record(dataset, key)
    # What was edited in the App is reviewed by that
    collect_edits(dataset, key)
    field = field_name(key, SUSPECTS)
    if given is None or suggested is None:
        view = suspect_regions(dataset, key)
    else:
        view = group_view(dataset, key, given, suggested)
    view = view.match(~F(f"{field}.verdict").exists())
    if to is not None:
        return most_similar(view, record, field, to, brain_key)
    if order == PROBABLE:
        return view
    strength = strength_name(dataset, key)
    usefulness = F(f"{field}.probability") * F(f"{field}.area") if strength == "probability" else F(f"{field}.evidence")
    if order == USEFUL:
        return view.sort_by(usefulness, reverse=True)
    by_issue = view.sort_by([(f"{field}.given", 1), (f"{field}.suggested", 1), (f"{field}.{strength}", -1)])
    return _alike(view.sort_by(usefulness, reverse=True), record, field, strength) or by_issue


def _alike(view: fo.DatasetView, record: RunRecord, field: str, strength: str) -> fo.DatasetView | None:
    """The patches of a view of which the most useful come first, issue by issue, those together that are alike.

    Returns:
        None where the run does not know what any of them looks like
    """
    names = ("given", "suggested", "mask_path", strength, "area")
    ids, *columns = view.limit(_MOST_ALIKE).values(["id", *(f"{field}.{name}" for name in names)])
    given, suggested, files, strengths, areas = columns
    descriptors = descriptors_of(record, files)
    if descriptors is None:
        return None
    weights = np.array([one or 0.0 for one in strengths], float)
    if strength == "probability":
        weights *= [one or 0 for one in areas]
    places = alike_order(list(zip(given, suggested, strict=True)), descriptors, weights)
    return view.select([ids[place] for place in places], ordered=True)


def alike_order(issues: Sequence[tuple[Any, Any]], descriptors: np.ndarray, usefulness: np.ndarray) -> list[int]:
    """The places of suspects, issue by issue, that one first in which verdicts put most right; see `alike_first`.

    Args:
        issues: given and suggested class of each of n suspects
        descriptors: (n, C) of what each looks like
        usefulness: (n,) of each
    """
    by_issue: dict[tuple[Any, Any], list[int]] = {}
    for place, pair in enumerate(issues):
        by_issue.setdefault(pair, []).append(place)
    ordered = sorted(by_issue.values(), key=lambda places: -float(usefulness[places].sum()))
    return [places[one] for places in ordered for one in alike_first(descriptors[places], usefulness[places]).tolist()]
