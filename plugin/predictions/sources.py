"""Where predictions come from: the sources that a run makes and keeps them from, and where it finds those of others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ..base.errors import SampleError
from ..base.progress import Progress
from ..models.config import ModelSource
from ..samples.failures import Failures
from ..samples.inputs import SegmentationSamples
from ..store.sets import PredictionSet
from ..training.config import CrossValidation
from .config import PredictionConfig
from .from_folds import CrossValidated
from .from_model import FromModel
from .left_out import LeftOut

_MAYBE_IN_SAMPLE = (
    "These predictions may not be out-of-sample: if the model was trained on these very labels, it repeats their "
    "errors and the scores miss them. Pass out_of_sample=True if it was not."
)


class Source(Protocol):
    """Where predictions come from that a run makes and keeps."""

    @property
    def config(self) -> CrossValidation | ModelSource:
        """Its parameters."""

    def state(self, samples: SegmentationSamples) -> str:
        """What the predictions depend on beyond the parameters and the samples' files."""

    def earlier_state(self, stored: PredictionSet) -> str | None:
        """The same as earlier versions have it, where it is otherwise and a set may be of one of them; else None."""

    def make(
        self, samples: SegmentationSamples, predictions: PredictionSet, failures: Failures, progress: Progress
    ) -> None:
        """Makes the predictions that are not in the set yet.

        The set's results get ``failures``, ``notes`` and, of a model, its description ``model``; the set is finished
        when nothing is left to predict.
        """


@dataclass(frozen=True)
class Origin:
    """Where a run's predictions come from.

    Args:
        config: the source's parameters
        digest: of everything that the predictions depend on
        stored: the predictions, where they are in a run's store
        run: key of the run that they belong to, where it is another one
    """

    config: PredictionConfig
    digest: str
    stored: PredictionSet | None = None
    run: str | None = None

    @property
    def own(self) -> PredictionSet | None:
        """The predictions that belong to this run."""
        return self.stored if self.run is None else None

    def notes(self) -> list[str]:
        """Sentences on the predictions that the user must know."""
        notes = list(self.stored.results.get("notes", ())) if self.stored is not None else []
        if isinstance(self.config, CrossValidation):
            if self.stored is not None and not self.stored.complete:
                folds = ", ".join(map(str, self.config.only_folds or ()))
                notes.append(
                    f"Only the folds {folds} of {self.config.folds} were run in the last call; samples of folds that "
                    "were never run have no results."
                )
        elif not self.config.out_of_sample:
            notes.append(_MAYBE_IN_SAMPLE)
        return notes


def open_source(
    config: CrossValidation | ModelSource, left_out: LeftOut | None = None, *, filled_in: bool = False
) -> Source:
    """The source with these parameters, the preset's own values filled in.

    Args:
        config: the parameters
        left_out: what cross-validation does not learn from
        filled_in: the preset's own values are in the parameters already; else PyTorch is loaded, to know its devices
    """
    if isinstance(config, ModelSource):
        return FromModel(config)
    if filled_in:
        return CrossValidated(config, left_out)
    from ..training.presets import resolve_preset

    return CrossValidated(resolve_preset(config), left_out)


def without_prediction(sample_id: str, path: str, key: str) -> SampleError:
    """The failure of a sample that a run has no prediction for."""
    return SampleError(
        f"run '{key}' has no prediction for it: it was not among the run's samples, or its file is gone. Leave it out "
        "of the view, or compute predictions again with overwrite=True.",
        sample_id=sample_id,
        path=path,
    )
