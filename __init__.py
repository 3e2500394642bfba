"""Label quality for semantic segmentation: a FiftyOne plugin, and the Python package ``label_quality``."""

from __future__ import annotations

from typing import Any


def register(plugin: Any) -> None:
    """Registers the operators; FiftyOne calls it when it loads the plugin."""
    # Imported here: the command line asks for this package without waiting seconds for FiftyOne
    from .operators import register as register_operators

    register_operators(plugin)
