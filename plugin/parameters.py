"""All parameters: which groups each public function takes, and so the operator and the command of its name."""

from __future__ import annotations

from .base.parameters import merged
from .benchmark.config import BenchmarkConfig, BenchmarkRequest
from .clean.config import CleanRequest
from .compare.config import CompareRequest
from .corrections.config import CorrectionRequest
from .engine.config import Execution
from .estimate.config import EstimateConfig
from .evaluation.config import EvaluationRequest
from .gain.config import GainRequest
from .lint.config import LintConfig
from .objects.config import ObjectConfig
from .predictions.config import PREDICTION_SOURCES
from .report.config import ReportRequest
from .runs.request import EstimateRequest, LintRequest, ObjectRequest, Request, Stages, SuspectRequest
from .scores.config import ScoreConfig
from .suspects.config import SuspectConfig
from .training.config import NOT_OF_GAIN, OF_AUDITS, CrossValidation

_SOURCES = tuple(PREDICTION_SOURCES.values())
#: Function to its parameters by name
PARAMETERS = {
    "audit_labels": merged(Stages, Request, *_SOURCES, ScoreConfig, SuspectConfig, Execution, without=("predictions",)),
    "compute_predictions": merged(Stages, Request, *_SOURCES, Execution, without=("lint", "suspects", "predictions")),
    "score_label_quality": merged(Stages, Request, ScoreConfig, SuspectConfig, Execution, without=("source", "lint")),
    "find_suspects": merged(SuspectRequest, SuspectConfig, Execution),
    "score_objects": merged(ObjectRequest, ObjectConfig, Execution),
    "benchmark_scores": merged(
        *(BenchmarkRequest, BenchmarkConfig, CrossValidation, ScoreConfig, Request, Execution),
        without=("architecture", *OF_AUDITS),
    ),
    "export_clean_dataset": merged(CleanRequest),
    "compare_runs": merged(CompareRequest),
    "evaluate_predictions": merged(EvaluationRequest),
    "write_report": merged(ReportRequest),
    "measure_gain": merged(GainRequest, CrossValidation, without=NOT_OF_GAIN),
    "estimate_errors": merged(EstimateRequest, EstimateConfig),
    "load_corrections": merged(CorrectionRequest),
    "lint_masks": merged(LintRequest, LintConfig),
}
