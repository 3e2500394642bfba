"""Label quality for semantic segmentation: a FiftyOne plugin, and the Python package ``label_quality``.

The public functions can be imported from here; FiftyOne and PyTorch are imported with the first of them::

    from label_quality import audit_labels, find_suspects
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .plugin.annotation.send import send_to_annotation
    from .plugin.audit import (
        audit_labels,
        compute_predictions,
        delete_run,
        find_suspects,
        list_runs,
        load_record,
        score_label_quality,
        score_objects,
    )
    from .plugin.base.errors import LabelQualityError, SampleError
    from .plugin.benchmark.records import delete_benchmark, list_benchmarks, load_benchmark
    from .plugin.benchmark.run import benchmark_scores
    from .plugin.clean.clean_dataset import export_clean_dataset
    from .plugin.compare.comparison import compare_runs
    from .plugin.corrections.corrected_masks import write_corrected_masks
    from .plugin.corrections.load_corrections import load_corrections
    from .plugin.evaluation.evaluate import evaluate_predictions
    from .plugin.gain.measure import measure_gain
    from .plugin.lint_masks import lint_masks
    from .plugin.report.write import write_report
    from .plugin.review.decide import set_verdict
    from .plugin.review.learn import learn_from_verdicts
    from .plugin.review.many import decide_on_all, undo_decision
    from .plugin.review.order import order_suspects
    from .plugin.review.restore import restore_suspects
    from .plugin.runs.breakdown import break_down
    from .plugin.runs.collect_edits import collect_edits
    from .plugin.samples.folders import attach_predictions, dataset_from_folders
    from .plugin.survey.estimate_errors import estimate_errors

__all__ = [
    "LabelQualityError",
    "SampleError",
    "attach_predictions",
    "audit_labels",
    "benchmark_scores",
    "break_down",
    "collect_edits",
    "compare_runs",
    "compute_predictions",
    "dataset_from_folders",
    "decide_on_all",
    "delete_benchmark",
    "delete_run",
    "estimate_errors",
    "evaluate_predictions",
    "export_clean_dataset",
    "find_suspects",
    "learn_from_verdicts",
    "lint_masks",
    "list_benchmarks",
    "list_runs",
    "load_benchmark",
    "load_corrections",
    "load_record",
    "measure_gain",
    "order_suspects",
    "restore_suspects",
    "score_label_quality",
    "score_objects",
    "send_to_annotation",
    "set_verdict",
    "undo_decision",
    "write_corrected_masks",
    "write_report",
]

#: Module that has the public names of a line
_MODULES = {
    "audit": "audit_labels compute_predictions delete_run find_suspects list_runs load_record score_label_quality "
    "score_objects",
    "base.errors": "LabelQualityError SampleError",
    "benchmark.records": "delete_benchmark list_benchmarks load_benchmark",
    "benchmark.run": "benchmark_scores",
    "compare.comparison": "compare_runs",
    "evaluation.evaluate": "evaluate_predictions",
    "gain.measure": "measure_gain",
    "lint_masks": "lint_masks",
    "report.write": "write_report",
    "annotation.send": "send_to_annotation",
    "clean.clean_dataset": "export_clean_dataset",
    "corrections.corrected_masks": "write_corrected_masks",
    "review.decide": "set_verdict",
    "survey.estimate_errors": "estimate_errors",
    "review.learn": "learn_from_verdicts",
    "review.many": "decide_on_all undo_decision",
    "review.order": "order_suspects",
    "review.restore": "restore_suspects",
    "runs.breakdown": "break_down",
    "runs.collect_edits": "collect_edits",
    "corrections.load_corrections": "load_corrections",
    "samples.folders": "attach_predictions dataset_from_folders",
}


def __getattr__(name: str) -> Any:
    for module, names in _MODULES.items():
        if name in names.split():
            return getattr(importlib.import_module(f".plugin.{module}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def register(plugin: Any) -> None:
    """Registers the operators; FiftyOne calls it when it loads the plugin."""
    # Imported here: the command line asks for this package without waiting seconds for FiftyOne
    from .operators import register as register_operators

    register_operators(plugin)
