"""The sections of a panel that fold: which are folded, which the panel remembers while it is open."""

from __future__ import annotations

from typing import Any

from .layout import Folding

#: Where the panel's state has their names
_FOLDED = "folded"
#: The most used is open at first: what is wrong, and where
_AT_FIRST = ("matrix", "classes")


class FoldingSections:
    """What a panel has so that its sections fold."""

    def fold(self, ctx: Any) -> None:
        """Folds the section that was clicked, or opens it."""
        name, folded = ctx.params.get("section"), self.folding(ctx).folded
        ctx.panel.set_state(_FOLDED, sorted(folded ^ {name}))

    def folding(self, ctx: Any) -> Folding:
        """Which sections are folded, for `layout.section`."""
        folded = ctx.panel.get_state(_FOLDED)
        return Folding(frozenset(_AT_FIRST if folded is None else folded), self.fold)
