"""The looks that the App usually has: its themes, and how wide a page is."""

from __future__ import annotations

from typing import Any

THEMES, WIDTHS = ("light", "dark"), (1280, 1920)
#: Every theme at every width
LOOKS = tuple((theme, width) for theme in THEMES for width in WIDTHS)


def look_at(page: Any, theme: str, width: int, height: int) -> None:
    """Gives a page a theme, by its button, and a size in pixels."""
    switch = page.get_by_title(f"{theme.capitalize()} mode")
    if switch.count():
        switch.click()
    page.set_viewport_size({"width": width, "height": height})
