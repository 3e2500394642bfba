"""The operators of the plugin: forms and thin calls into ``plugin``."""

from __future__ import annotations

from typing import Any

from .audit_labels import AuditLabels
from .benchmark_scores import BenchmarkScores
from .break_down import BreakDown
from .compare_runs import CompareRuns
from .compute_predictions import ComputePredictions
from .delete_run import DeleteRun
from .estimate_errors import EstimateErrors
from .evaluate_predictions import EvaluatePredictions
from .export_clean_dataset import ExportCleanDataset
from .export_relabelling_queue import ExportRelabellingQueue
from .find_suspects import FindSuspects
from .lint_masks import LintMasks
from .list_runs import ListRuns
from .load_corrections import LoadCorrections
from .measure_gain import MeasureGain
from .order_suspects import OrderSuspects
from .panel.image import ImageQualityPanel
from .panel.panel import LabelQualityPanel
from .review_shown import ReviewShown
from .review_suspects import ReviewState, ReviewSuspects
from .score_label_quality import ScoreLabelQuality
from .score_objects import ScoreObjects
from .send_to_annotation import SendToAnnotation
from .show_group import ShowGroup
from .sidebar_groups import SidebarGroups
from .tag_for_relabelling import TagForRelabelling, UntagRelabelling
from .write_corrected_masks import WriteCorrectedMasks
from .write_report import WriteReport


def register(plugin: Any) -> None:
    """Registers every operator and panel listed in ``fiftyone.yml``."""
    operators = (
        LintMasks,
        AuditLabels,
        ComputePredictions,
        ScoreLabelQuality,
        FindSuspects,
        ScoreObjects,
        BenchmarkScores,
        ShowGroup,
        ReviewSuspects,
        ReviewState,
        SidebarGroups,
        ReviewShown,
        OrderSuspects,
        TagForRelabelling,
        UntagRelabelling,
        ExportRelabellingQueue,
        SendToAnnotation,
        EstimateErrors,
        WriteCorrectedMasks,
        LoadCorrections,
        ExportCleanDataset,
        BreakDown,
        CompareRuns,
        EvaluatePredictions,
        MeasureGain,
        WriteReport,
        ListRuns,
        DeleteRun,
    )
    for operator in operators:
        plugin.register(operator)
    plugin.register(LabelQualityPanel)
    plugin.register(ImageQualityPanel)
