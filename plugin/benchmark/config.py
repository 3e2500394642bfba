"""What a benchmark of the scores is asked, validated before any work starts."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..base.config import Config
from ..base.errors import LabelQualityError
from ..runs.request import Request
from ..scores.config import ScoreConfig
from ..training.config import CrossValidation
from ..training.presets import resolve_preset
from .planted_errors import ERROR_KINDS, PAPER_RATES, InjectionRules
from .records import DEFAULT_KEY, INJECTED, TRUTH

_OF_REQUEST = ("classes", "ignored", "unlabelled", "unknown", "skip_failures", "output_dir")
_OF_PREDICTIONS = {one.name for one in dataclasses.fields(CrossValidation)} - {"seed", "architecture", "only_folds"}
_OF_SCORES = {one.name for one in dataclasses.fields(ScoreConfig)}


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
        suspects: also judge the suspects of planted errors
        predictions: other parameters of `CrossValidation`
        scores: parameters of `ScoreConfig`
    """

    rates: Mapping[str, float] = field(default_factory=lambda: dict(PAPER_RATES))
    severity: float = InjectionRules.severity
    min_fraction: float = InjectionRules.min_fraction
    seed: int = 51
    architectures: tuple[str | None, ...] = (None,)
    truth_field: str | None = None
    run_key: str | None = None
    min_difference: float = 0.001
    resamples: int = 1000
    suspects: bool = True
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
        InjectionRules(min_fraction=self.min_fraction, severity=self.severity)
        if not 0 <= self.min_difference < 1:
            raise LabelQualityError(
                f"Expected parameter `min_difference` to be in [0, 1), but got {self.min_difference!r}."
            )
        if self.resamples < 1:
            raise LabelQualityError(f"Expected parameter `resamples` to be at least 1, but got {self.resamples!r}.")
        if self.run_key is not None and self.truth_field is None:
            raise LabelQualityError(
                f"Parameter `run_key` ({self.run_key!r}) names a run to judge by corrected masks: give their field in "
                "`truth_field`. Planted errors are always audited anew."
            )
        self._check_architectures()

    def cross_validation(self, architecture: str | None) -> CrossValidation:
        """The predictions of one architecture, the preset decided."""
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
            _check_known(self.cross_validation(architecture))
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


def _check_known(config: CrossValidation) -> None:
    """Raises `LabelQualityError` for an architecture that no network is built of."""
    if config.preset == "fast" or config.architecture is None:
        return
    import segmentation_models_pytorch as smp

    known = [one.__name__ for one in smp.MODEL_ARCHITECTURES_MAPPING.values()]
    if config.architecture.lower() not in (name.lower() for name in known):
        raise LabelQualityError(
            f"Expected parameter `architecture` to be one of {', '.join(known)}, but got {config.architecture!r}."
        )
