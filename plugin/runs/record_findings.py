"""What a search for suspects has found, in the run's record."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..base.words import expected
from ..passes.search_suspects import SuspectSearch, found_rates
from ..records.record_parts import SuspectPart
from ..records.run_record import RunRecord
from ..suspects.class_effects import label_miou
from ..suspects.issues import LEAST_IMAGES, Group
from ..training.config import CrossValidation

#: Issues in the run's record, the leading ones: there may be one for every two classes
_KEPT_ISSUES = 1000
#: Share of the images that one issue is in where a second look pays, see docs/suspects.md
_REPEATED = 0.05


def record_findings(search: SuspectSearch, record: RunRecord) -> SuspectPart:
    """Writes what was found in all samples together into a run's record, and returns the part on suspects."""
    total = search.findings()
    issues = total.issues()
    record.issues, record.classes = issues[:_KEPT_ISSUES], total.classes()
    quality = label_miou(record.classes)
    record.label_miou = quality if math.isfinite(quality) else None
    rates = found_rates(search.store)
    record.suspects = SuspectPart(
        regions=total.regions,
        images=total.images,
        by_type=total.by_type,
        issues=len(issues),
        notes=[*total.notes, *second_look(record, issues)],
        failures=total.failures,
        config=search.config.to_dict(),
        set=search.store.path.name,
        candidates=total.candidates,
        rate=None if rates is None else rates.all,
        drop_rate=None if rates is None else rates.drops,
        expected=total.expected,
    )
    return record.suspects


def second_look(record: RunRecord, issues: Sequence[Group]) -> list[str]:
    """A sentence on what finds more, where models have learnt from a mistake that is all over the masks.

    Args:
        record: of the run, with its source and the number of its scored samples
        issues: what was found
    """
    if record.source != CrossValidation.source or record.config["predictions"].get("leave_out"):
        return []
    widest = max(issues, key=lambda one: one.images, default=None)
    least = max(LEAST_IMAGES, _REPEATED * record.scored)
    if widest is None or widest.expected is None or widest.images < least:
        return []
    return [
        f"Probably {expected(widest.expected)} times, in {widest.images:,} images, it is {widest.title}. Models partly "
        "learn what is repeated: a second audit, under another name, that does not learn from these suspects "
        f"(`leave_out`: '{record.key}') may find more of it."
    ]
