"""Clicks on parts of a page that it may draw anew at that moment."""

from __future__ import annotations

from typing import Any

_CLICKS = 8
#: Milliseconds in which a click that was not lost shows
_SHOWS = 15_000


def click_until(target: Any, shown: Any) -> None:
    """Clicks until something is there: a click that comes while a busy page draws its target anew is lost.

    Args:
        target: Playwright's locator of what is clicked
        shown: of what the click leads to; its own error is raised where that never comes
    """
    from playwright.sync_api import TimeoutError as NotShown

    for _ in range(_CLICKS - 1):
        target.click()
        try:
            shown.wait_for(timeout=_SHOWS)
            return
        except NotShown:
            continue
    target.click()
    shown.wait_for()


def click_away(target: Any) -> None:
    """Clicks on something that a click that is not lost takes away, such as a choice of an open menu.

    Args:
        target: Playwright's locator of it; its own error is raised where it never goes
    """
    from playwright.sync_api import TimeoutError as StillThere

    for _ in range(_CLICKS - 1):
        target.click()
        try:
            target.wait_for(state="hidden", timeout=_SHOWS)
            return
        except StillThere:
            continue
    target.click()
    target.wait_for(state="hidden")
