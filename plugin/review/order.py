"""The order in which suspects that nobody has reviewed are looked at: the most useful first, or together what is alike.

The usefulness of a verdict is the number of pixels that it is expected to put right,

    u = p · a

with the suspect's probability p and its area a in pixels; of suspects that are not rated, their evidence, which grows
with both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import fiftyone as fo
import numpy as np
from fiftyone import ViewField as F

from ..base.database_errors import database_errors
from ..base.errors import LabelQualityError
from ..dataset.ownership import field_name
from ..dataset.run_record import RunRecord, load_record
from ..dataset.suspect_fields import SUSPECTS, strength_name
from ..dataset.views import group_view, suspect_regions
from ..passes.findings import each_id
from ..passes.search_suspects import rated_rows
from ..runs.collect_edits import collect_edits
from ..samples.private_fiftyone import root_of
from ..suspects.alike import alike_first
from .learn import rated_set

PROBABLE, USEFUL, ALIKE = "probable", "useful", "alike"
ORDERS = {
    PROBABLE: "The most probable first",
    USEFUL: "The most useful next: probable and large",
    ALIKE: "Those together that look alike",
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
) -> fo.DatasetView:
    """The suspects that nobody has reviewed, one patch each, in an order to review them in.

    ``useful``: by the pixels that a verdict is expected to put right, the probability times the area. ``alike``: issue
    by issue, and in each those together that look most alike by the features of the frozen encoder, beginning with the
    most useful, of 5,000 suspects at most; where a run has no such features, by probability. ``probable``: the most
    probable first.

    Args:
        collection: the dataset, or a view of it; suspects of all images are shown
        key: the run's key
        order: one of `ORDERS`
        given: name of the given class, together with ``suggested``, for the suspects of one issue
        suggested: name of the suggested class

    Raises:
        LabelQualityError: no such run or order, or it has no suspects
    """
    dataset = root_of(collection)
    if order not in ORDERS:
        raise LabelQualityError(f"Expected parameter `order` to be one of {', '.join(ORDERS)}, but got {order!r}.")
    if (given is None) != (suggested is None):
        raise LabelQualityError("Expected `given` and `suggested` together, the two classes of an issue, or neither.")
    record = load_record(dataset, key)
    # What was edited in the App is reviewed by that
    collect_edits(dataset, key)
    field = field_name(key, SUSPECTS)
    if given is None or suggested is None:
        view = suspect_regions(dataset, key)
    else:
        view = group_view(dataset, key, given, suggested)
    view = view.match(~F(f"{field}.verdict").exists())
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
    descriptors = _descriptors(record, files)
    if descriptors is None:
        return None
    weights = np.array([one or 0.0 for one in strengths], float)
    if strength == "probability":
        weights *= [one or 0 for one in areas]
    issues: dict[tuple[str, str], list[int]] = {}
    for place, pair in enumerate(zip(given, suggested, strict=True)):
        issues.setdefault(pair, []).append(place)
    # The issue first in which the verdicts put most right
    ordered = sorted(issues.values(), key=lambda places: -float(weights[places].sum()))
    places = [places[one] for places in ordered for one in alike_first(descriptors[places], weights[places]).tolist()]
    return view.select([ids[place] for place in places], ordered=True)


def _descriptors(record: RunRecord, files: Sequence[str | None]) -> np.ndarray | None:
    """(n, C) what the suspects of these files of masks look like, NaN where it is not known; None where it never is."""
    try:
        store, least = rated_set(record)
    except LabelQualityError:
        return None
    places: Mapping[str, int] = {path: place for place, path in enumerate(files) if path}
    found: np.ndarray | None = None
    for row in rated_rows(store, least):
        paths = store.mask_files(each_id(row), row["numbers"].tolist())
        wanted = [(number, places[path]) for number, path in enumerate(paths) if path in places]
        if found is None:
            found = np.full((len(files), row["descriptors"].shape[1]), np.nan, np.float32)
        for number, place in wanted:
            found[place] = row["descriptors"][number]
    return found if found is not None and np.isfinite(found).any() else None
