"""What every run is asked, whatever its predictions and scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Request:
    """What every run is asked, whatever its predictions and scores.

    Args:
        key: the run's key, the prefix of its fields
        classes: class names, or None for the dataset's
        ignored: mask values, colours or names that take part in nothing
        unlabelled: the class of unlabelled pixels, or None to find it by name
        unknown: a mask value outside the classes is an ``error``, or ``ignore``
        skip_failures: leave bad samples out, instead of raising
        overwrite: replace an existing run of that key
        output_dir: where the run's files go, or None for FiftyOne's dataset folder
    """

    key: str = "lq"
    classes: Any = None
    ignored: tuple[Any, ...] = ()
    unlabelled: Any = None
    unknown: str = "error"
    skip_failures: bool = False
    overwrite: bool = False
    output_dir: str | None = None
