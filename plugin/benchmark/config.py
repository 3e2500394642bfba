"""What a benchmark of the scores is asked, validated before any work starts."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..base.config import Config
from ..base.errors import LabelQualityError
from ..base.parameters import parameter, repeated
from ..runs.request import Request
from ..scores.config import ScoreConfig
from ..training.config import CrossValidation

DEFAULT_KEY = "lq_benchmark"
INJECTED, TRUTH = "injected", "truth"
DROP, SWAP, SHIFT = ERROR_KINDS = ("drop", "swap", "shift")
#: The share of the images that the paper gives each kind of error
PAPER_RATES = {DROP: 0.2, SWAP: 0.3, SHIFT: 0.2}
_OF_REQUEST = ("classes", "ignored", "unlabelled", "unknown", "skip_failures", "output_dir")
_OF_PREDICTIONS = {one.name for one in dataclasses.fields(CrossValidation)} - {"seed", "architecture", "only_folds"}
_OF_SCORES = {one.name for one in dataclasses.fields(ScoreConfig)}


@dataclass(frozen=True)
class BenchmarkRequest(Config):
    """What a benchmark is asked beside what it measures.

    Args:
        key: of the benchmark's record
        kinds: of errors to plant, or None for all that have a rate
        rates: kind to the share of the images that gets one, in (0, 1), or None for the paper's
        overwrite: replace another benchmark of that key; with the same parameters, measure anew
        rescore: score finished audits again (of an earlier call with ``keep_runs``)
        keep_runs: leave the audits and their datasets for ``rescore``, until the benchmark is deleted
    """

    key: str = parameter(DEFAULT_KEY, "The test's name, that of its record", label="Name of the test", short=True)
    kinds: tuple[str, ...] | None = parameter(
        None, "Kinds of errors to plant", label="Kinds of errors", choices=ERROR_KINDS, empty="all that have a rate"
    )
    rates: Mapping[str, float] | None = parameter(
        None,
        "The share of the images that get an error of the kind; kinds without one are left out",
        label="Rates",
        empty=" ".join(f"{kind}={rate}" for kind, rate in PAPER_RATES.items()),
        unit="KIND=RATE",
    )
    overwrite: bool = parameter(False, "With the same choices, it is measured anew", label="Replace the test")
    rescore: bool = parameter(False, "", label="Score audits again that were kept")
    keep_runs: bool = parameter(False, "Until the test is deleted", label="Keep the audits, to score them again")


@dataclass(frozen=True)
class BenchmarkConfig(Config):
    """What a benchmark measures.

    Args:
        rates: kind of error to the share of the images that gets one, in (0, 1); each kind is planted by itself
        severity: the largest side of the kernel that shifts an edge, as a share of the image's longer side
        min_fraction: the least share of an image that an error changes
        seed: of errors, folds, training and bootstrap
        architectures: decoders that are trained; None is the preset's own
        truth_field: the field with corrected masks, or None to plant errors
        run_key: the run whose scores are judged by the corrected masks, or None to audit
        min_difference: the least share of its pixels in which a mask that is wrong differs from the corrected one
        resamples: of the bootstrap
        suspects: also judge the suspect regions of planted errors
        predictions: other parameters of `CrossValidation`
        scores: parameters of `ScoreConfig`
    """

    rates: Mapping[str, float] = field(default_factory=lambda: dict(PAPER_RATES))
    severity: float = parameter(
        0.1,
        "Of displaced edges: the largest displacement, as a share of the image's longer side",
        label="Severity",
        within="(0, 1]",
        unit="S",
    )
    min_fraction: float = parameter(
        0.01,
        "The least share of an image's pixels that an error changes",
        label="Least size",
        within="(0, 1]",
        unit="F",
    )
    seed: int = repeated(CrossValidation, "seed", CrossValidation.seed)
    architectures: tuple[str | None, ...] = parameter(
        (None,),
        "Decoders of segmentation-models-pytorch, such as DeepLabV3Plus, FPN; own is the preset's own",
        label="Architectures",
        empty="the preset's own",
        none="own",
        unit="NAME",
    )
    truth_field: str | None = parameter(
        None, "The field with the masks as they should be", label="Corrected masks", empty="errors that are planted"
    )
    run_key: str | None = parameter(
        None, "The run whose scores are compared with the truth", label="Scores", empty="a new audit", unit="KEY"
    )
    min_difference: float = parameter(
        0.001,
        "A mask is wrong where at least this share of its pixels differs from the corrected one",
        label="Least difference",
        within="[0, 1)",
        unit="D",
    )
    resamples: int = parameter(
        1000, "Of the bootstrap that the 95 % intervals come from", label="Resamples", within="[1, inf)"
    )
    suspects: bool = parameter(True, "", label="Also judge the suspect regions of planted errors")
    predictions: Mapping[str, Any] = field(default_factory=dict)
    scores: Mapping[str, Any] = field(default_factory=dict)

    @property
    def mode(self) -> str:
        """`records.INJECTED` or `records.TRUTH`."""
        return INJECTED if self.truth_field is None else TRUTH

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of errors to plant, in the paper's order."""
        return tuple(kind for kind in ERROR_KINDS if kind in self.rates)

    def validate(self) -> None:
        self._check_rates()
        if self.run_key is not None and self.truth_field is None:
            raise LabelQualityError(
                f"Parameter `run_key` ({self.run_key!r}) names a run to judge by corrected masks: give their field in "
                "`truth_field`. Planted errors are always audited anew."
            )
        self._check_architectures()

    def cross_validation(self, architecture: str | None) -> CrossValidation:
        """The predictions of one architecture, the preset decided."""
        from ..training.presets import resolve_preset

        parameters = {**self.predictions, "seed": self.seed, "architecture": architecture}
        return resolve_preset(CrossValidation.from_params(parameters))

    def content(self) -> dict[str, Any]:
        """Everything that the results depend on, as JSON-serialisable values."""
        resolved = [self.cross_validation(architecture) for architecture in self.architectures]
        of_prediction = [
            {name: value for name, value in one.to_dict().items() if name not in one.execution_only} for one in resolved
        ]
        scores = {name: value for name, value in self.scores.items() if name not in ScoreConfig.execution_only}
        return {**self.to_dict(), "predictions": of_prediction, "scores": ScoreConfig.from_params(scores).to_dict()}

    def _check_rates(self) -> None:
        unknown = sorted(set(self.rates) - set(ERROR_KINDS))
        if unknown or not self.rates:
            found = ", ".join(map(repr, unknown)) or "none"
            raise LabelQualityError(f"Expected kinds of errors of {', '.join(ERROR_KINDS)}, but got {found}.")
        for kind, rate in self.rates.items():
            if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 < rate < 1:
                raise LabelQualityError(
                    f"Expected the rate of {kind} errors to be in (0, 1), but got {rate!r}: it is the share of the "
                    "images that get one, and a ranking can only be judged where some masks are wrong and some right."
                )

    def _check_architectures(self) -> None:
        if not self.architectures or len(set(self.architectures)) < len(self.architectures):
            raise LabelQualityError(
                "Expected parameter `architectures` to list decoders, each once (None for the preset's own), but got "
                f"{list(self.architectures)!r}."
            )
        if self.run_key is not None and self.architectures != (None,):
            raise LabelQualityError(
                f"Expected no `architectures` with `run_key`: run '{self.run_key}' has its predictions already. Leave "
                "one of the two out."
            )
        for architecture in self.architectures:
            self.cross_validation(architecture).check()
        ScoreConfig.from_params(self.scores)


def split_parameters(parameters: Mapping[str, Any]) -> tuple[Request, dict[str, Any], dict[str, Any]]:
    """The request, the parameters of the predictions and those of the scores.

    Raises:
        LabelQualityError: a parameter that belongs to none of them
    """
    known = {*_OF_REQUEST, *_OF_PREDICTIONS, *_OF_SCORES}
    unknown = sorted(set(parameters) - known)
    if unknown:
        raise LabelQualityError(
            f"Unknown parameter {', '.join(map(repr, unknown))}; expected some of {', '.join(sorted(known))}."
        )
    request = Request(**{"key": DEFAULT_KEY, **{name: parameters[name] for name in _OF_REQUEST if name in parameters}})
    predictions = {name: value for name, value in parameters.items() if name in _OF_PREDICTIONS}
    return request, predictions, {name: value for name, value in parameters.items() if name in _OF_SCORES}


def rates_of(kinds: Any, rates: Mapping[str, float] | None) -> dict[str, float]:
    """Kind of error to its rate: the paper's where only the kinds are given.

    Args:
        kinds: names of kinds, or None for all that have a rate
        rates: kind to rate, or None for the paper's
    """
    if kinds is None:
        return dict(PAPER_RATES if rates is None else rates)
    if isinstance(kinds, str):
        raise LabelQualityError(f"Expected `kinds` to be a list of kinds of errors, but got {kinds!r}.")
    known = {**PAPER_RATES, **(rates or {})}
    unfit = sorted(set(rates or {}) - set(kinds))
    if unfit:
        raise LabelQualityError(f"Expected rates only of the kinds {list(kinds)}, but got some of {', '.join(unfit)}.")
    return {kind: known.get(kind, 0.5) for kind in kinds}
