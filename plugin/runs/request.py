"""What every run is asked, whatever its predictions and scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ..base.config import Config
from ..base.foreign_files import check_path
from ..base.parameters import DIR, parameter, repeated, require
from ..base.progress import Progress
from ..models.config import ModelSource
from ..predictions.config import FilesSource
from ..training.config import CrossValidation

if TYPE_CHECKING:
    from ..samples.inputs import SegmentationSamples


@dataclass(frozen=True)
class Stages(Config):
    """Which stages a run has, and where its predictions come from."""

    source: str = parameter(
        CrossValidation.source,
        "Predictions",
        "What the given masks are compared with",
        choices={
            CrossValidation.source: "Train models on this dataset (cross-validation)",
            ModelSource.source: "Use a model I have",
            FilesSource.source: "Use predictions I have stored",
        },
    )
    lint: bool = parameter(
        True, "Lint the masks first", "What is improbable in them by itself is there in seconds, before any model"
    )
    suspects: bool = parameter(True, "Find suspects too")
    predictions: str | None = parameter(
        None, "Predictions of run", "The run whose predictions are scored again", empty="the same run"
    )


@dataclass(frozen=True)
class Request(Config):
    """What every run is asked, whatever its predictions and scores."""

    key: str = parameter("lq", "Name of the run", "The run's name, the prefix of the fields it writes")
    classes: Mapping[Any, str] | Sequence[str] | None = parameter(
        None,
        "Classes",
        "As '0: road, 1: car', or a file: JSON, or a line a class: 'id,name', '#rrggbb,name', 'r g b name' or 'name'",
        empty="the dataset's mask targets, else the values that the masks hold",
    )
    ignored: tuple[Any, ...] = parameter(
        (), "Ignored", "Mask values or names that take part in nothing, such as 255 or void", unit="CLASS", short=True
    )
    unlabelled: str | int | None = parameter(
        None,
        "Unlabelled class",
        "Name or value of the class of unlabelled pixels",
        empty="the one that is called so",
        unit="CLASS",
        short=True,
    )
    unknown: str = parameter(
        "error",
        "A mask value outside the classes",
        "What a mask value outside the classes is",
        choices={"error": "is an error", "ignore": "is ignored"},
    )
    skip_failures: bool = parameter(
        False, "Leave out samples that cannot be processed", "They are listed in the run's record"
    )
    overwrite: bool = parameter(False, "Overwrite the run", "If its parameters are the same, it is computed anew")
    output_dir: str | None = parameter(
        None,
        "Folder for heatmaps and predictions",
        "Where the run's files go",
        empty="the default, beside FiftyOne's datasets",
        unit=DIR,
    )

    def validate(self) -> None:
        check_path(self.output_dir, "output_dir")

    @property
    def describes_classes(self) -> bool:
        """Whether the request says which classes there are."""
        return self.classes is not None or bool(self.ignored) or self.unlabelled is not None

    def open_samples(self, collection: Any, label_field: str, progress: Progress) -> SegmentationSamples:
        """The samples of the collection that take part, as this request wants them; errors as of `open_samples`."""
        # Here and not above: the command line reads the parameters of this file, and shall not wait for FiftyOne
        from ..samples.inputs import open_samples

        return open_samples(
            collection,
            label_field,
            classes=self.classes,
            ignored=self.ignored,
            unlabelled=self.unlabelled,
            unknown=self.unknown,
            skip_failures=self.skip_failures,
            progress=progress,
        )


@dataclass(frozen=True)
class ObjectRequest(Config):
    """What the scoring of objects in a run that has scores is asked, whichever objects."""

    #: What cannot be done where a run keeps too little
    otherwise: ClassVar[str] = "No objects can be scored"

    key: str = parameter(Request.key, "Run", "The run whose predictions the objects are compared with")
    skip_failures: bool = parameter(False, "Leave out samples that have changed since or cannot be read")
    overwrite: bool = parameter(False, "Score again although the scores of these objects are there")


@dataclass(frozen=True)
class EstimateRequest(Config):
    """Of which run's labels it is estimated how many errors they have, whatever is judged for that."""

    otherwise: ClassVar[str] = "No errors can be estimated"

    key: str = parameter(Request.key, "Run", "The run whose given masks are judged")
    skip_failures: bool = parameter(False, "Leave out samples that have changed since or cannot be read")
    overwrite: bool = parameter(
        False, "Draw anew", "Draws other places although there are some; the verdicts on those are lost"
    )


@dataclass(frozen=True)
class LintRequest(Config):
    """Which masks are linted, and where what is found goes; no run is needed."""

    key: str = parameter(Request.key, "Name", "The prefix of the fields that are written, a run's key or a new name")
    classes: Mapping[Any, str] | Sequence[str] | None = repeated(Request, "classes")
    ignored: tuple[Any, ...] = repeated(Request, "ignored", ())
    unlabelled: str | int | None = repeated(Request, "unlabelled")
    clear: bool = parameter(
        False, "Only delete", "What an earlier lint of that name has written goes, and nothing else"
    )


@dataclass(frozen=True)
class SuspectRequest(Config):
    """What the search for suspects in a run that has scores is asked, whatever a suspect is."""

    otherwise: ClassVar[str] = "No suspects can be found"

    key: str = parameter(Request.key, "Run", "The run that is searched")
    skip_failures: bool = parameter(False, "Leave out samples that have changed since or cannot be read")
    overwrite: bool = parameter(False, "Search again although suspects of these thresholds are there")


@dataclass(frozen=True)
class BreakdownRequest(Config):
    """What a run is broken down by."""

    field: str = parameter("", "Field", "What to break the run down by, such as the annotator or the batch")
    key: str = parameter(Request.key, "Run", "The run that is broken down")

    def validate(self) -> None:
        require(isinstance(self.field, str) and bool(self.field), "field", "the name of a field", self.field)
