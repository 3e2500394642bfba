"""What drives the App's page, and knows nothing of tests: the scripts that take its pictures use it as well."""

from __future__ import annotations

import os
import shutil
from typing import Any

#: The first does without the windows and menus that nobody sees, which is a quarter of the CPU time of a page
_CHROMIUM = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
#: A page's animations draw it anew sixty times a second, which without a GPU is a fourteenth of the CPU time of a test
STILL = """
document.addEventListener('DOMContentLoaded', () => {
    const still = document.createElement('style')
    still.textContent = '* { animation: none !important }'
    document.head.append(still)
})
"""
#: Without a GPU each frame is drawn by the processor: twenty a second in place of sixty. The App asks for one after
#: another, also where nothing changes; where a mask is edited, that is half a core
CALM = """
(() => {
    const frame = window.requestAnimationFrame.bind(window)
    let [asked, drawn, last] = [new Map(), new Map(), 0]
    const draw = time => {
        [drawn, asked] = [asked, new Map()]
        for (const [number, callback] of drawn) {
            drawn.delete(number)
            try { callback(time) } catch (error) { reportError(error) }
        }
    }
    window.requestAnimationFrame = callback => {
        if (!asked.size) setTimeout(() => frame(draw), 33)
        asked.set(++last, callback)
        return last
    }
    window.cancelAnimationFrame = number => asked.delete(number) || drawn.delete(number)
})()
"""


def chromium_path() -> str | None:
    """The browser: LABEL_QUALITY_CHROMIUM, or one on the path."""
    return os.environ.get("LABEL_QUALITY_CHROMIUM") or next(filter(None, map(shutil.which, _CHROMIUM)), None)


def forget_painted_tiles(page: Any) -> None:
    """Takes the mark off the tiles on show, so that a wait for painted tiles means those of the next view."""
    page.evaluate(
        "document.querySelectorAll('[data-cy=fo-grid] canvas').forEach(one => one.removeAttribute('canvas-loaded'))"
    )
