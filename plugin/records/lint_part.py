"""What a lint has found, counted, kept with the field of its findings: so it is of those that are there, and no others.

An audit lints before it has a record, and a lint by itself has none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any

import fiftyone as fo

from ..base.json_values import from_json, to_json
from ..documents.ownership import MARKER, field_name
from ..lint.summary import KindCount
from .record_parts import COMPLETE, WRITING

FINDINGS = "lint"
#: Its place in what the field's ``info`` says under `MARKER`
_PART = "lint"


@dataclass(frozen=True)
class LintPart:
    """What a lint has found, counted.

    Args:
        of_run: whether an audit has linted: then its findings are deleted with the run
        digest: of all that the findings depend on
        label_field: the field with the given masks
        images: how many were looked at
        affected: how many have a finding
        kinds: of each kind that there is
        notes: sentences on what was not reported, and why
        status: `COMPLETE` or `WRITING`
        created: UTC time, ISO 8601
    """

    of_run: bool = False
    digest: str = ""
    label_field: str = ""
    images: int = 0
    affected: int = 0
    kinds: list[KindCount] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    status: str = COMPLETE
    created: str = field(default_factory=lambda: datetime.now(timezone.utc).isoformat(timespec="seconds"))

    @property
    def findings(self) -> int:
        """How many there are."""
        return sum(one.findings for one in self.kinds)

    @property
    def identity(self) -> str:
        """What tells it from an earlier lint of the same name."""
        return f"{self.digest} {self.status} {self.created}"


def lint_part(dataset: fo.Dataset, key: str) -> LintPart | None:
    """What is kept of the lint of a key; None where there is none, or one of a version that kept nothing.

    Raises:
        LabelQualityError: it is not what it should be
    """
    found = dataset.get_field(field_name(key, FINDINGS))
    content = ((found.info or {}).get(MARKER) or {}).get(_PART) if found is not None else None
    return None if content is None else from_json(LintPart, content, f"what field '{found.name}' says of its findings")


def finished_lint(dataset: fo.Dataset, key: str) -> LintPart | None:
    """What is kept of a finished lint; None where there is none."""
    part = lint_part(dataset, key)
    return part if part is not None and part.status == COMPLETE else None


def is_of_run(dataset: fo.Dataset, key: str) -> bool:
    """Whether an audit has made the findings of a key, or was about to."""
    part = lint_part(dataset, key)
    return part is not None and part.of_run


def keep_part(dataset: fo.Dataset, key: str, part: LintPart) -> None:
    """Keeps it with the field of the findings, which is there."""
    _mark(dataset, key, {_PART: to_json(part)})


def begin_part(dataset: fo.Dataset, key: str, part: LintPart) -> None:
    """Says of the field of the findings, which is there, that they are written."""
    _mark(dataset, key, begun(part))


def _mark(dataset: fo.Dataset, key: str, more: Mapping[str, Any]) -> None:
    found = dataset.get_field(field_name(key, FINDINGS))
    info = {**found.info, MARKER: {**found.info[MARKER], **more}}
    # The field may have been made with it just now
    if info != found.info:
        found.info = info
        found.save()


def begun(part: LintPart) -> dict[str, Any]:
    """What the mark of the field says while its findings are written."""
    return {_PART: to_json(replace(part, status=WRITING, images=0, affected=0, kinds=[], notes=[]))}
