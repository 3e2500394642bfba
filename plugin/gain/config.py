"""What the measurement of a gain is asked, beside the parameters of the cross-validation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..base.config import Config
from ..base.parameters import parameter
from ..runs.request import Request

#: Kinds of masks that are compared: as they are; with the suspects' pixels ignored, but for rejected ones; and clean
GIVEN, UNSUSPECTED, CLEAN = "given", "unsuspected", "clean"
KINDS = (GIVEN, UNSUSPECTED, CLEAN)


@dataclass(frozen=True)
class GainRequest(Config):
    """What the measurement of a gain is asked, whatever is trained."""

    #: What cannot be done where a run keeps too little
    otherwise: ClassVar[str] = "No gain can be measured"

    key: str = parameter(Request.key, "Run", "The run whose suspects were reviewed")
    clean_field: str | None = parameter(
        None,
        "Clean masks",
        "The field with the clean masks; an image without one there has its given mask",
        empty="the given ones, as verdicts and loaded corrections say",
        unit="FIELD",
    )
    verified_field: str | None = parameter(
        None,
        "Verified masks",
        "The field with the masks that predictions are judged by, those of some images or of all",
        empty="the clean masks of the images whose suspects are all reviewed",
        unit="FIELD",
    )
    repeats: int = parameter(
        3, "Seeds", "Trainings of each kind of masks, from different weights", within="[1, inf)", unit="N"
    )
    resamples: int = parameter(
        1000, "Resamples", "Replicates of the bootstrap that the intervals are from", within="[100, inf)", unit="B"
    )
    skip_failures: bool = parameter(False, "Leave out samples that have changed since or cannot be read")
    overwrite: bool = parameter(False, "Measure again although the same was measured")
