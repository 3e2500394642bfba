"""What the loading of corrected masks is asked."""

from __future__ import annotations

from dataclasses import dataclass

from ..base.config import Config
from ..base.errors import LabelQualityError
from ..base.parameters import parameter
from ..runs.request import Request

#: What corrected masks are loaded from
ANY, FOLDER, FIELD, DATASET, ANNOTATION = "any", "folder", "field", "dataset", "annotation"


@dataclass(frozen=True)
class CorrectionRequest(Config):
    """What the loading of corrected masks is asked."""

    key: str = parameter(Request.key, "Run", "The run whose suspects were corrected")
    source: str = parameter(
        "",
        "Corrected masks",
        "A folder of masks, a field, another dataset, or the name that images were sent to annotation under",
        unit="SOURCE",
    )
    source_kind: str = parameter(
        ANY,
        "What that is",
        "What the corrected masks are loaded from",
        choices={
            ANY: "What there is of that name",
            FOLDER: "A folder of masks, each called like its image",
            FIELD: "Another field of this dataset",
            DATASET: "Another dataset, of the same samples or images",
            ANNOTATION: "An annotation service",
        },
    )
    source_field: str | None = parameter(
        None, "Field of the other dataset", "Its field with the corrected masks", empty="called like the given masks'"
    )
    reviewed: bool = parameter(
        False, "Whole images were reviewed", "Suspects that the corrections leave as they were are rejected"
    )
    reviewer: str | None = parameter(
        None, "Who has corrected", "Kept with each suspect", empty="the user of this computer"
    )
    skip_failures: bool = parameter(
        False, "Leave out corrected masks that cannot be used", "They are listed in the run's record"
    )

    def validate(self) -> None:
        if not self.source:
            raise LabelQualityError(
                "Say where the corrected masks are: a folder, a field, a dataset or an annotation run."
            )
