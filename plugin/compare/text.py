"""A comparison of two runs in words and as rows of tables."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ..base.words import count, decimal, percent

if TYPE_CHECKING:
    from ..records.comparison import Comparison, IssueChange

#: Issues in a table
LISTED_ISSUES = 20


def comparison_sentences(found: Comparison) -> list[str]:
    """What has changed, the main thing first."""
    lines = [
        f"Of {count(found.images, 'image')}, {found.better:,} have a higher quality in '{found.after}' than in "
        f"'{found.before}' and {found.worse:,} a lower one; the mean changed by {found.mean_change:+.3f}."
    ]
    if found.suspects_before or found.suspects_after:
        ended = sum(bool(one.before and not one.left) for one in found.issues)
        begun = sum(bool(one.left and not one.before) for one in found.issues)
        again = f", {found.rejected_before:,} rejected before" if found.rejected_before else ""
        lines.append(
            f"{count(found.suspects_before, 'suspect')} before, {found.suspects_after:,} after: {found.gone:,} gone, "
            f"{found.new:,} new{again}. Issues: {ended:,} gone, {begun:,} new."
        )
    if found.miou_before is not None and found.miou_after is not None:
        lines.append(
            f"Given and suggested masks had a mean IoU of {found.miou_before:.3f}, and have {found.miou_after:.3f}."
        )
    if found.changed_pixels is not None and found.masks_miou is not None:
        lines.append(
            f"{percent(found.changed_pixels)} of the pixels have another class in the masks of '{found.after}' "
            f"(mean IoU {found.masks_miou:.3f})."
        )
    if found.only_before or found.only_after:
        lines.append(f"Scored by one run alone: {found.only_before:,} before, {found.only_after:,} after.")
    return lines


def issue_rows(found: Comparison) -> list[dict[str, str]]:
    """A row for each issue, those that have changed most first; what was rejected before is no change."""
    return [
        {
            "title": one.title,
            "before": f"{one.before:,}",
            "after": f"{one.after:,}",
            "rejected": f"{one.rejected:,}",
            "change": _change(one),
        }
        for one in found.issues[:LISTED_ISSUES]
    ]


def class_change_rows(found: Comparison) -> list[dict[str, str]]:
    """A row for each class that has an IoU."""
    return [
        {"name": one.name, "before": decimal(one.before), "after": decimal(one.after), "masks": decimal(one.masks)}
        for one in found.classes
        if (one.before, one.after, one.masks) != (None, None, None)
    ]


def image_rows(found: Comparison) -> list[dict[str, str]]:
    """A row for each image that is named: those whose quality fell most, then those whose quality grew most."""
    return [
        {
            "image": os.path.basename(one.filepath),
            "before": f"{one.before:.3f}",
            "after": f"{one.after:.3f}",
            "change": f"{one.after - one.before:+.3f}",
        }
        for one in (*found.lost, *found.gained)
    ]


def _change(one: IssueChange) -> str:
    more = one.left - one.before
    if not more:
        return "0"
    return "new" if not one.before else "gone" if not one.left else f"{more:+,}"
