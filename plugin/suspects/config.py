"""The parameters of the search for suspects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..base.config import Config
from ..base.parameters import parameter


@dataclass(frozen=True)
class SuspectConfig(Config):
    """Which regions of an image are suspects.

    Sizes are shares of the image's pixels that take part, so that neither its resolution nor what is ignored matters.

    ``min_evidence`` is of all of an image's regions of the same two classes; each has at least a fifth of it. 0.0075 is
    0.3 % of the image that the model contradicts by 90 to 5 percent, or 3.6 % of it by 60 to 30 percent.
    """

    execution_only: ClassVar[tuple[str, ...]] = ("workers",)

    min_evidence: float = parameter(
        0.0075,
        "Least evidence",
        "The least evidence of a suspect, summed over its region, in nats per pixel that takes part",
        within="[0, inf)",
        unit="E",
    )
    min_area: float = parameter(
        0.001,
        "Least area",
        "The least share of an image's pixels that take part that a suspect covers",
        within="[0, 1]",
        unit="A",
    )
    probability: bool = parameter(
        True,
        "Rate suspects",
        "Tell mistakes of the mask from those of the model, and show the most probable first; else those of the most "
        "evidence",
    )
    min_probability: float = parameter(
        0.5,
        "Least probability",
        "The least probability of a suspect to be a mistake of the mask, where suspects are rated",
        within="[0, 1]",
        unit="P",
    )
    max_regions: int | None = parameter(
        50,
        "Suspects an image",
        "Most suspects of an image, those of the most evidence; 0 for all",
        within="[1, inf)",
        none="all",
    )
    workers: int | None = parameter(None, "Threads", "Threads that search", within="[1, inf)", empty="one a core")
