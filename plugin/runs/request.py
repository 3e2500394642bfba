"""What every run is asked, whatever its predictions and scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..base.errors import LabelQualityError
from ..base.foreign_files import check_path
from ..base.progress import Progress

if TYPE_CHECKING:
    from ..samples.inputs import SegmentationSamples


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
        overwrite: replace an existing run of that key; with parameters that are all the same, compute it anew
        output_dir: where the run's files go, or None for FiftyOne's dataset folder

    Raises:
        LabelQualityError: a parameter of another kind
    """

    key: str = "lq"
    classes: Any = None
    ignored: tuple[Any, ...] = ()
    unlabelled: Any = None
    unknown: str = "error"
    skip_failures: bool = False
    overwrite: bool = False
    output_dir: str | None = None

    def __post_init__(self) -> None:
        if self.unknown not in ("error", "ignore"):
            raise LabelQualityError(
                f"Expected parameter `unknown` to be 'error' or 'ignore', but got {self.unknown!r}."
            )
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
class SuspectRequest:
    """What the search for suspects in a run that has scores is asked, whatever a suspect is.

    Args:
        key: the run's key
        skip_failures: leave samples out that have changed since or cannot be read, instead of raising
        overwrite: search again although suspects of the same parameters are there
    """

    key: str = "lq"
    skip_failures: bool = False
    overwrite: bool = False
