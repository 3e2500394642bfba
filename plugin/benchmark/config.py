"""What a benchmark of the scores is asked, validated before any work starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..base.config import Config
from ..base.errors import LabelQualityError
from ..base.parameters import parameter, repeated, table
from ..engine.config import Execution
from ..runs.request import Request
from ..scores.config import ScoreConfig
from ..training.config import OF_AUDITS, CrossValidation

DEFAULT_KEY = "lq_benchmark"
INJECTED, TRUTH = "injected", "truth"
DROP, SWAP, SHIFT = ERROR_KINDS = ("drop", "swap", "shift")
#: The share of the images that the paper gives each kind of error
PAPER_RATES = {DROP: 0.2, SWAP: 0.3, SHIFT: 0.2}
_NOT_OF_PREDICTIONS = ("seed", "architecture", *OF_AUDITS)


@dataclass(frozen=True)
class BenchmarkRequest(Config):
    """What a benchmark is asked beside what it measures."""

    key: str = parameter(DEFAULT_KEY, "Name of the benchmark", "The benchmark's name, that of its record", short=True)
    kinds: tuple[str, ...] | None = parameter(
        None, "Kinds of errors", "Kinds of errors to plant", choices=ERROR_KINDS, empty="all that have a rate"
    )
    rates: Mapping[str, float] | None = parameter(
        None,
        "Rates",
        "The share of the images that get an error of the kind; kinds without one are left out",
        empty=" ".join(f"{kind}={rate}" for kind, rate in PAPER_RATES.items()),
        unit="KIND=RATE",
    )
    overwrite: bool = parameter(False, "Replace the benchmark", "With the same choices, it is measured anew")
    rescore: bool = parameter(False, "Score audits again that were kept")
    keep_runs: bool = parameter(False, "Keep the audits, to score them again", "Until the benchmark is deleted")


@dataclass(frozen=True)
class BenchmarkConfig(Config):
    """What a benchmark measures.

    Args:
        rates: kind of error to the share of the images that gets one, in (0, 1); each kind is planted by itself
        predictions: other parameters of `CrossValidation`
        scores: parameters of `ScoreConfig`
    """

    rates: Mapping[str, float] = field(default_factory=lambda: dict(PAPER_RATES))
    severity: float = parameter(
        0.1,
        "Severity",
        "Of displaced edges: the largest displacement, as a share of the image's longer side",
        within="(0, 1]",
        unit="S",
    )
    min_fraction: float = parameter(
        0.01, "Least size", "The least share of an image's pixels that an error changes", within="(0, 1]", unit="F"
    )
    seed: int = repeated(CrossValidation, "seed", CrossValidation.seed)
    architectures: tuple[str | None, ...] = parameter(
        (None,),
        "Architectures",
        "Decoders of segmentation-models-pytorch, such as DeepLabV3Plus, FPN; own is the preset's own",
        empty="the preset's own",
        none="own",
        unit="NAME",
    )
    truth_field: str | None = parameter(
        None, "Corrected masks", "The field with the masks as they should be", empty="errors that are planted"
    )
    run_key: str | None = parameter(
        None, "Scores", "The run whose scores are compared with the truth", empty="a new audit", unit="KEY"
    )
    min_difference: float = parameter(
        0.001,
        "Least difference",
        "A mask is wrong where at least this share of its pixels differs from the corrected one",
        within="[0, 1)",
        unit="D",
    )
    resamples: int = parameter(
        1000, "Resamples", "Of the bootstrap that the 95 % intervals come from", within="[1, inf)"
    )
    suspects: bool = parameter(True, "Also judge the suspects of planted errors")
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


def asked(parameters: Mapping[str, Any]) -> tuple[Request, BenchmarkRequest, BenchmarkConfig]:
    """The parameters of `benchmark_scores` in their groups.

    Raises:
        LabelQualityError: a parameter that belongs to none of them, or that cannot be as it is
    """
    scores, request, own, config = map(set, map(table, (ScoreConfig, Request, BenchmarkRequest, BenchmarkConfig)))
    predictions = set(table(CrossValidation)).difference(_NOT_OF_PREDICTIONS)
    known = set().union(scores, request, own, config, predictions, table(Execution))
    unknown = sorted(set(parameters) - known)
    if unknown:
        raise LabelQualityError(
            f"Unknown parameter {', '.join(map(repr, unknown))}; expected some of {', '.join(sorted(known))}."
        )
    given = {name: value for name, value in parameters.items() if value is not None or name not in own}
    if given.get("truth_field") is not None and ("kinds" in given or "rates" in given):
        raise LabelQualityError(
            "Parameters `kinds` and `rates` are of errors to plant, and with `truth_field` none are planted. Leave "
            "them or `truth_field` out."
        )

    def of(names: set[str]) -> dict[str, Any]:
        return {name: given[name] for name in given if name in names}

    planted = BenchmarkRequest.from_params(of(own))
    measured = {"rates": rates_of(planted.kinds, planted.rates), "predictions": of(predictions), "scores": of(scores)}
    return (
        Request.from_params({"key": planted.key} | of(request)),
        planted,
        BenchmarkConfig.from_params(of(config) | measured),
    )


def rates_of(kinds: Sequence[str] | None, rates: Mapping[str, float] | None) -> dict[str, float]:
    """Kind of error to its rate: the paper's where only the kinds are given.

    Args:
        kinds: names of kinds, or None for all that have a rate
        rates: kind to rate, or None for the paper's
    """
    if kinds is None:
        return dict(PAPER_RATES if rates is None else rates)
    known = {**PAPER_RATES, **(rates or {})}
    unfit = sorted(set(rates or {}) - set(kinds))
    if unfit:
        raise LabelQualityError(f"Expected rates only of the kinds {list(kinds)}, but got some of {', '.join(unfit)}.")
    return {kind: known.get(kind, 0.5) for kind in kinds}
