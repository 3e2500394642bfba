"""The parameters of the scores of annotated objects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from ..base.config import Config
from ..base.parameters import parameter


@dataclass(frozen=True)
class ObjectConfig(Config):
    """Which annotated objects of an image are scored."""

    execution_only: ClassVar[tuple[str, ...]] = ("workers",)

    only_classes: tuple[Any, ...] = parameter(
        (),
        "Only objects of",
        "Names or mask values of the classes whose objects are scored",
        empty="all but the unlabelled one",
        unit="CLASS",
    )
    min_area: float = parameter(
        0.001,
        "Least area of an object",
        "The least share of an image's pixels that take part that an object covers",
        within="[0, 1]",
        unit="A",
    )
    max_objects: int = parameter(
        500,
        "Objects an image",
        "Most objects of an image, those of the lowest quality",
        # What a sample's document in the database has room for
        within="[1, 10000]",
    )
    workers: int | None = parameter(None, "Threads", "Threads that score", within="[1, inf)", empty="one a core")
