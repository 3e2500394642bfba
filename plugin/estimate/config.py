"""The parameters of estimates of errors."""

from __future__ import annotations

from dataclasses import dataclass

from ..base.config import Config
from ..base.parameters import parameter


@dataclass(frozen=True)
class EstimateConfig(Config):
    """How much is judged to estimate how many errors there are, and what counts as one."""

    verdicts: int = parameter(
        200,
        "Places to judge",
        "How many pixels are drawn to be judged; later more draws further ones, less or nothing said changes nothing",
        within="[10, 10000]",
    )
    images: int = parameter(
        30,
        "Images to judge",
        "How many images are drawn to be judged as a whole, likewise; 0 leaves out how many images are wrong",
        within="[0, 10000]",
    )
    suspects: int = parameter(
        30,
        "Suspects to judge",
        "How many suspects are drawn to be judged, likewise; 0 leaves out how many of them are real",
        within="[0, 10000]",
    )
    min_error: float = parameter(
        0.001,
        "Least error of a wrong image",
        "An image counts as wrong from this share of its pixels on that are given a wrong class",
        within="(0, 1]",
        unit="A",
    )
    precision: float = parameter(
        0.005,
        "Wanted precision",
        "Half the width that the interval of the share of wrong pixels is to have: says how many verdicts that takes",
        within="(0, 1)",
        unit="P",
    )
    seed: int = parameter(51, "Seed", "Of what is drawn", within="[0, inf)")
