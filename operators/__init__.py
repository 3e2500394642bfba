"""The operators of the plugin: forms and thin calls into ``plugin``."""

from __future__ import annotations

from typing import Any


def register(plugin: Any) -> None:
    """Registers every operator and panel listed in ``fiftyone.yml``."""
