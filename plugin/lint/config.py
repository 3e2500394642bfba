"""The parameters of a lint of masks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..base.config import Config
from ..base.parameters import parameter
from .findings import KINDS


@dataclass(frozen=True)
class LintConfig(Config):
    """What a lint of masks finds, and from when on."""

    execution_only: ClassVar[tuple[str, ...]] = ("workers",)

    only_kinds: tuple[str, ...] = parameter(
        tuple(KINDS), "Only kinds", "Kinds of findings that are looked for", choices=KINDS, empty="all", unit="KIND"
    )
    few_pixels: int | None = parameter(
        None,
        "A few pixels",
        "The most pixels of a stray component or a hole",
        within="[1, inf)",
        empty="1/10000 of the mask, and at least 4",
    )
    rare_share: float = parameter(
        0.001,
        "Share of the small",
        "Small components are found where all of at most their size hold no more than this share of their class's "
        "pixels",
        within="[0, 1]",
        unit="S",
    )
    frame_width: int = parameter(
        4, "Widest frame", "The most rows or columns of a frame, in pixels", within="[1, 100]", unit="PIXELS"
    )
    outlier: float = parameter(
        5.0,
        "Outliers from",
        "Components are outliers that are at least so many robust standard deviations from their class's median",
        within="(0, inf)",
        unit="Z",
    )
    min_components: int = parameter(
        30, "Components for outliers", "The fewest components of a class that has outliers", within="[5, inf)"
    )
    usual_share: float = parameter(
        0.1,
        "Share of the usual",
        "Of strays, holes, slivers and gaps, where more than half of the masks have one, those are usual and not found "
        "of whose sort more than this share of the masks have one",
        within="[0, 1]",
        unit="S",
    )
    compare_images: bool = parameter(True, "Compare images", "Finds equal and nearly equal images with other masks")
    differing: float = parameter(
        0.005,
        "Differing pixels",
        "The least share of the pixels by which masks of equal images differ",
        within="[0, 1]",
        unit="S",
    )
    max_findings: int = parameter(
        100,
        "Findings an image",
        "Most findings that an image shows; all are counted",
        # What a sample's document in the database has room for
        within="[1, 10000]",
    )
    workers: int | None = parameter(None, "Threads", "Threads that read", within="[1, inf)", empty="one a core")
