"""What a lint has found, as numbers and in words."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ..base.parameters import lower
from ..base.words import count
from .findings import KINDS

#: Images in a table
_LISTED = 10


@dataclass(frozen=True)
class KindCount:
    """The findings of a kind.

    Args:
        kind: such as ``stray``
        findings: how many
        images: in how many images
        example: the reason of the first
    """

    kind: str
    findings: int
    images: int
    example: str


@dataclass(frozen=True)
class LintedImage:
    """An image with many findings.

    Args:
        sample_id: the sample
        filepath: the image
        findings: how many
        kinds: of which kinds
    """

    sample_id: str
    filepath: str
    findings: int
    kinds: list[str]


@dataclass(frozen=True)
class LintSummary:
    """What a lint has found.

    Args:
        key: the prefix of the fields
        images: how many were looked at
        affected: how many have a finding
        findings: how many there are
        kinds: of each kind that there is
        worst: the images with the most, those first
        notes: sentences on what was not reported, and why
        view: name of the saved view; "" where nothing was written
        seconds: that it took
    """

    key: str
    images: int = 0
    affected: int = 0
    findings: int = 0
    kinds: list[KindCount] = field(default_factory=list)
    worst: list[LintedImage] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    view: str = ""
    seconds: float = 0.0

    @property
    def counts(self) -> dict[str, int]:
        """Kind to its number of findings."""
        return {one.kind: one.findings for one in self.kinds}


class Counted(Protocol):
    """What a lint has found, counted."""

    @property
    def images(self) -> int:
        """How many were looked at."""

    @property
    def affected(self) -> int:
        """How many have a finding."""

    @property
    def findings(self) -> int:
        """How many there are."""

    @property
    def kinds(self) -> list[KindCount]:
        """Of each kind that there is."""


def lint_sentence(found: LintSummary) -> str:
    """What is found, in a sentence."""
    return found_sentence(found) if found.images else f"What a lint has written as '{found.key}' is deleted."


def found_sentence(found: Counted) -> str:
    """How much is found, in a sentence."""
    if not found.findings:
        return f"Nothing found in {count(found.images, 'mask')}."
    return f"{count(found.findings, 'finding')} in {found.affected:,} of {count(found.images, 'mask')}."


def run_sentence(key: str, found: Counted) -> str:
    """What the lint of a run has found, of each kind, and what shows it."""
    if not found.findings:
        return f"Lint: {lower(found_sentence(found))}"
    kinds = ", ".join(f"{one.findings:,} {one.kind.replace('_', ' ')}" for one in found.kinds)
    return f"Lint: {found_sentence(found)[:-1]} ({kinds}). Saved view '{key}: lint' shows them."


def kind_rows(found: Counted) -> list[dict[str, str]]:
    """A row for each kind that there is."""
    return [
        {"kind": one.kind, "findings": f"{one.findings:,}", "images": f"{one.images:,}", "what": KINDS[one.kind]}
        for one in found.kinds
    ]


def example_rows(found: LintSummary) -> list[dict[str, str]]:
    """The first finding of each kind that there is, in words."""
    return [{"kind": one.kind, "example": one.example} for one in found.kinds]


def image_rows(found: LintSummary) -> list[dict[str, str]]:
    """A row for each of the images with the most findings."""
    worst: Sequence[LintedImage] = found.worst[:_LISTED]
    return [
        {"image": os.path.basename(one.filepath), "findings": f"{one.findings:,}", "kinds": ", ".join(one.kinds)}
        for one in worst
    ]
