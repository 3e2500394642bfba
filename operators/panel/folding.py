"""The sections of a panel that fold: which are folded, which the panel remembers while it is open."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from typing import Any

from .layout import Folding

#: Where the panel's state has their names
_FOLDED = "folded"
#: The most used is open at first: what is wrong, and where
_AT_FIRST = ("matrix", "classes", "lint")
#: Seconds after which a page has seen what a click has done, and panels that clicks are remembered of
_SEEN, _PANELS = 30.0, 64


class Clicks:
    """What was folded by the last clicks on each panel, which pages do not know yet.

    A page sends a click with the state that it shows. Of two quick clicks the second comes with that of before the
    first, and would undo it.
    """

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._panels: OrderedDict[str, tuple[float, list[frozenset[str]]]] = OrderedDict()

    def toggle(self, panel: str, shown: frozenset[str], name: str) -> frozenset[str]:
        """Which sections are folded after a click.

        Args:
            panel: where it was
            shown: which are folded on the page that was clicked
            name: the section that is folded, or opened
        """
        with self._turn:
            clicked, states = self._panels.pop(panel, (0.0, []))
            known = states if time.monotonic() - clicked < _SEEN and shown in states else [shown]
            folded = known[-1] ^ {name}
            # What the page had before it will not show again
            self._panels[panel] = time.monotonic(), [*known[known.index(shown) :], folded]
            while len(self._panels) > _PANELS:
                self._panels.popitem(last=False)
            return folded

    def latest(self, panel: str, shown: frozenset[str]) -> frozenset[str]:
        """Which sections are folded on a page once it knows of all clicks, of what it shows or is about to."""
        with self._turn:
            clicked, states = self._panels.get(panel, (0.0, []))
            return states[-1] if time.monotonic() - clicked < _SEEN and shown in states else shown

    def forget(self, panel: str) -> None:
        """Forgets the clicks on a panel: its page begins anew."""
        with self._turn:
            self._panels.pop(panel, None)


_CLICKS = Clicks()


class FoldingSections:
    """What a panel has so that its sections fold."""

    def fold(self, ctx: Any) -> None:
        """Folds the section that was clicked, or opens it."""
        folded = _CLICKS.toggle(str(ctx.panel_id), self.folding(ctx).folded, ctx.params.get("section"))
        ctx.panel.set_state(_FOLDED, sorted(folded))

    def missed_a_click(self, ctx: Any) -> bool:
        """Whether another title was clicked since; the panel is then to be drawn again, with that.

        The answers to two quick clicks are made at once, and that to the first may reach the page last.
        """
        shown = self.folding(ctx).folded
        latest = _CLICKS.latest(str(ctx.panel_id), shown)
        if latest != shown:
            ctx.panel.set_state(_FOLDED, sorted(latest))
        return latest != shown

    def forget_clicks(self, ctx: Any) -> None:
        """What was folded before counts no more: the panel is opened."""
        _CLICKS.forget(str(ctx.panel_id))

    def folding(self, ctx: Any) -> Folding:
        """Which sections are folded, for `layout.section`."""
        folded = ctx.panel.get_state(_FOLDED)
        return Folding(frozenset(_AT_FIRST if folded is None else folded), self.fold)
