"""What a search for suspects has found, in the run's record."""

from __future__ import annotations

import math

from ..dataset.record_parts import SuspectPart
from ..dataset.run_record import RunRecord
from ..passes.search_suspects import SuspectSearch, found_rates
from ..suspects.class_effects import label_miou

#: Issues in the run's record, the leading ones: there may be one for every two classes
_KEPT_ISSUES = 1000


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
        notes=total.notes,
        failures=total.failures,
        config=search.config.to_dict(),
        set=search.store.path.name,
        candidates=total.candidates,
        rate=None if rates is None else rates.all,
        drop_rate=None if rates is None else rates.drops,
        expected=total.expected,
    )
    return record.suspects
