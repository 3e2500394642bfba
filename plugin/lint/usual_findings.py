"""Kinds of findings that most masks have: they are how a dataset is drawn, and only what is beyond that is found.

A kind of small places (strays, holes, slivers, gaps) is *usual* where more than half of the masks have one. Such places
are then told apart by their class and the class that most of their outline is with, as *sky in tree*. One is usual
where more than ``usual_share`` of the masks have one of its sort, of strips one that is at least as long. Strays and
holes that are one pixel away from another component of their class are pieces of it, which an edge or what stands
before it has cut off: they are together a sort as well, whatever their class. What is usual is no finding, unless a
mask has more of it than others have: more than ``outlier`` standard deviations above the mean. Then its strongest ones
beyond that are.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np

from ..base.words import percent
from . import reasons
from .config import LintConfig
from .findings import GAP, HOLE, SLIVER, STRAY, Finding

#: Kinds of places of which a mask may have many; strips are told apart by their length, too
_SMALL, _STRIPS = (GAP, SLIVER, HOLE, STRAY), (GAP, SLIVER)
#: Share of the masks that have a kind, from which on that is usual
_MOST = 0.5
#: Of fewer masks nothing can be told to be usual
_FEWEST = 20
#: Sorts that a note names
_NAMED = 3


def without_usual(findings: Sequence[Finding], masks: int, config: LintConfig, notes: list[str]) -> list[Finding]:
    """Leaves out what is usual.

    Args:
        findings: of all masks
        masks: how many were looked at
        config: its ``usual_share``, and ``outlier``, deviations from which on a mask has more than is usual
        notes: gets a sentence for each usual kind

    Returns:
        the findings that are left, in no order of their own
    """
    if masks < _FEWEST:
        return list(findings)
    left, many = [one for one in findings if one.kind not in _SMALL], config.usual_share * masks
    for kind in _SMALL:
        own = [one for one in findings if one.kind == kind]
        having = len({one.sample for one in own})
        usual = _usual(own, many) if having > _MOST * masks else []
        beyond = _beyond(usual, masks, config.outlier)
        out = {id(one) for one in usual} - {id(one) for one in beyond}
        left += [one for one in own if id(one) not in out]
        if out:
            notes.append(_note(kind, usual, len(out), having / masks, config.usual_share))
    return left


def _usual(findings: Sequence[Finding], many: float) -> list[Finding]:
    """Those of a kind of which more than that many masks have such a one."""
    by_sort = defaultdict(list)
    for one in findings:
        by_sort[one.given, one.beside].append(one)
    usual = []
    cut_off = len({one.sample for one in findings if _is_piece(one)}) > many
    for some in by_sort.values():
        strongest: dict[int, float] = {}
        for one in some:
            strongest[one.sample] = max(_length(one), strongest.get(one.sample, 0.0))
        lengths = np.sort(list(strongest.values()))
        # Masks that have one at least as long
        having = len(lengths) - np.searchsorted(lengths, [_length(one) for one in some])
        usual += [
            one for one, number in zip(some, having, strict=True) if number > many or (cut_off and _is_piece(one))
        ]
    return usual


def _is_piece(one: Finding) -> bool:
    return one.cut_off and one.kind not in _STRIPS


def _length(one: Finding) -> float:
    return one.strength if one.kind in _STRIPS else 0.0


def _beyond(usual: Sequence[Finding], masks: int, outlier: float) -> list[Finding]:
    """In each mask that has unusually many of what is usual, the strongest of those that are too many."""
    by_mask = defaultdict(list)
    for one in usual:
        by_mask[one.sample].append(one)
    counts = np.zeros(masks)
    counts[: len(by_mask)] = [len(some) for some in by_mask.values()]
    most = int(counts.mean() + outlier * max(1.0, float(counts.std())))
    return [
        one
        for some in by_mask.values()
        for one in sorted(some, key=lambda finding: -finding.strength)[: max(0, len(some) - most)]
    ]


def _note(kind: str, usual: Sequence[Finding], left_out: int, having: float, many: float) -> str:
    sorts = Counter((one.given, one.beside) for one in usual if not _is_piece(one))
    leading = sorts.most_common(_NAMED)
    named = ", ".join(f"{reasons.named(given)} in {reasons.named(beside)}" for (given, beside), _ in leading)
    more = f" and {len(sorts) - _NAMED} more" if len(sorts) > _NAMED else ""
    pieces = "pieces that one pixel parts from more of their class" if any(map(_is_piece, usual)) else ""
    return (
        f"Usual here: {percent(having)} of the masks have findings of the kind '{kind}'. Not reported are the "
        f"{left_out:,} of sorts that more than {percent(many)} of the masks have: "
        f"{'; '.join(filter(None, (f'{named}{more}', pieces)))}."
    )
