"""What every run is asked, whatever its predictions and scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..base.config import Config
from ..base.errors import LabelQualityError
from ..base.foreign_files import check_path
from ..base.parameters import parameter
from ..base.progress import Progress
from ..models.config import ModelSource
from ..predictions.config import FilesSource
from ..training.config import CrossValidation

if TYPE_CHECKING:
    from ..samples.inputs import SegmentationSamples


@dataclass(frozen=True)
class Stages(Config):
    """Which stages a run has, and where its predictions come from.

    Args:
        source: of the predictions, a key of `PREDICTION_SOURCES`
        suspects: whether suspect regions are found too
        predictions: key of the run whose predictions are scored again; by default the run's own
    """

    source: str = parameter(
        CrossValidation.source,
        "What the given masks are compared with",
        label="Predictions",
        choices={
            CrossValidation.source: "Train models on this dataset (cross-validation)",
            ModelSource.source: "Use a model I have",
            FilesSource.source: "Use predictions I have stored",
        },
    )
    suspects: bool = parameter(True, "", label="Find suspect regions too")
    predictions: str | None = parameter(
        None, "The run whose predictions are scored again", label="Predictions of run", empty="the same run"
    )


@dataclass(frozen=True)
class Request(Config):
    """What every run is asked, whatever its predictions and scores.

    Args:
        key: the run's key, the prefix of its fields
        classes: class names, or None for the dataset's
        ignored: mask values, colours or names that take part in nothing
        unlabelled: the class of unlabelled pixels, or None to find it by name
        unknown: a mask value outside the classes is an ``error``, or ``ignore``
        skip_failures: leave bad samples out, instead of raising
        overwrite: replace an existing run of that key; with parameters that are all the same, compute it anew
        output_dir: where the run's files go, or None for FiftyOne's dataset folder

    Raises:
        LabelQualityError: a parameter of another kind
    """

    key: str = parameter("lq", "The run's name, the prefix of the fields it writes", label="Name of the run")
    classes: Mapping[Any, str] | Sequence[str] | None = parameter(
        None,
        "As '0: road, 1: car', or a file: JSON, or a line a class: 'id,name', '#rrggbb,name', 'r g b name' or 'name'",
        label="Classes",
        empty="the dataset's mask targets, else the values that the masks hold",
    )
    ignored: tuple[Any, ...] = parameter(
        (),
        "Mask values or names that take part in nothing, such as 255 or void",
        label="Ignored",
        unit="CLASS",
        short=True,
    )
    unlabelled: str | int | None = parameter(
        None,
        "Name or value of the class of unlabelled pixels",
        label="Unlabelled class",
        empty="the one that is called so",
        unit="CLASS",
        short=True,
    )
    unknown: str = parameter(
        "error",
        "What a mask value outside the classes is",
        label="A mask value outside the classes",
        choices={"error": "is an error", "ignore": "is ignored"},
    )
    skip_failures: bool = parameter(
        False, "They are listed in the run's record", label="Leave out samples that cannot be processed"
    )
    overwrite: bool = parameter(False, "If its parameters are the same, it is computed anew", label="Overwrite the run")
    output_dir: str | None = parameter(
        None,
        "Where the run's files go",
        label="Folder for heatmaps and predictions",
        empty="the default, beside FiftyOne's datasets",
        unit="DIR",
    )

    def validate(self) -> None:
        check_path(self.output_dir, "output_dir")
        if not isinstance(self.ignored, list | tuple | set | frozenset):
            raise LabelQualityError(
                f"Expected parameter `ignored` to be a list of mask values, colours or names, but got {self.ignored!r}."
            )

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
class SuspectRequest(Config):
    """What the search for suspects in a run that has scores is asked, whatever a suspect is.

    Args:
        key: the run's key
        skip_failures: leave samples out that have changed since or cannot be read, instead of raising
        overwrite: search again although suspects of the same parameters are there
    """

    key: str = parameter(Request.key, "The run that is searched", label="Run")
    skip_failures: bool = parameter(False, "", label="Leave out samples that have changed since or cannot be read")
    overwrite: bool = parameter(False, "", label="Search again although suspects of these thresholds are there")
