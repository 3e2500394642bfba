"""The long operations that are attacked, each with what is there before it begins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .faults_world import LABELS, LARGE, PROBABILITIES, SMALL

FILES: dict[str, Any] = {"source": "files", "field": PROBABILITIES}
TRAINING: dict[str, Any] = {
    "preset": "fast",
    "folds": 2,
    "epochs": 1,
    "weights": None,
    "input_size": 64,
    "device": "cpu",
}


@dataclass(frozen=True)
class Operation:
    """What is attacked.

    Args:
        name: for the table
        dataset: its name
        before: makes what is there before, from the user's dataset
        work: the operation
        ended: part of the error that the operation, started again after it was done to the end, rightly ends with
    """

    name: str
    dataset: str
    before: Callable[[Any], Any]
    work: Callable[[Any], Any]
    ended: str | None = None

    def load(self) -> Any:
        """Its dataset; for forks."""
        import fiftyone as fo

        return fo.load_dataset(self.dataset)


def _nothing(dataset: Any) -> None:
    """Of what is there before."""


def _audit(dataset: Any, **parameters: Any) -> None:
    from label_quality.plugin.audit import audit_labels

    audit_labels(dataset, LABELS, **parameters)


def _audited(dataset: Any) -> None:
    _audit(dataset, **FILES)


def _predicted(dataset: Any) -> None:
    from label_quality.plugin.audit import compute_predictions

    compute_predictions(dataset, LABELS, **TRAINING)


def _score(dataset: Any) -> None:
    from label_quality.plugin.audit import score_label_quality

    score_label_quality(dataset, LABELS)


def _regions(dataset: Any, count: int) -> list[str]:
    found = dataset.values("lq_suspects.detections.id", unwind=True)
    return [one for one in found if one][:count]


def _reviewed(dataset: Any) -> None:
    """An audit, of whose suspects two are confirmed, one as another class, and two rejected."""
    from label_quality.plugin.review.decide import set_verdict

    _audited(dataset)
    regions = _regions(dataset, 4)
    set_verdict(dataset, "lq", regions[:2], "confirmed", reviewer="me")
    set_verdict(dataset, "lq", regions[2:], "rejected", reviewer="me")


def _review(dataset: Any) -> None:
    from label_quality.plugin.review.decide import set_verdict

    set_verdict(dataset, "lq", _all_regions(dataset)[::2], "rejected", reviewer="me")


def _decide(dataset: Any) -> None:
    from label_quality.plugin.review.many import decide_on_all

    decide_on_all(dataset, "lq", "rejected", reviewer="me")


def _decided(dataset: Any) -> None:
    _audited(dataset)
    _decide(dataset)


def _undo_decision(dataset: Any) -> None:
    from label_quality.plugin.review.many import undo_decision

    undo_decision(dataset, "lq")


def _all_regions(dataset: Any) -> list[str]:
    """Ids of all regions, rejected or not, in the order of their masks' files: the same before and after a review."""
    fields = [name for name in ("lq_suspects", "lq_rejected") if dataset.has_sample_field(name)]
    found: list[tuple[str, str]] = []
    for name in fields:
        paths, ids = dataset.values([f"{name}.detections.mask_path", f"{name}.detections.id"])
        found += [pair for row in zip(paths, ids, strict=True) if row[0] for pair in zip(*row, strict=True)]
    return [one for _, one in sorted(found)]


def _search(dataset: Any) -> None:
    from label_quality.plugin.audit import find_suspects

    find_suspects(dataset, max_regions=1)


def _delete(dataset: Any) -> None:
    from label_quality.plugin.audit import delete_run

    delete_run(dataset, "lq")


def _corrected(dataset: Any) -> None:
    from label_quality.plugin.corrections.corrected_masks import write_corrected_masks

    _reviewed(dataset)
    write_corrected_masks(dataset, "lq")


def _correct(dataset: Any) -> None:
    from label_quality.plugin.corrections.corrected_masks import write_corrected_masks

    write_corrected_masks(dataset, "lq", regions="all", complete=True)


def _choice(dataset: Any) -> Any:
    from label_quality.plugin.review.choose_images import Choice, choose

    return choose(dataset, Choice("worst", worst=30))


def _tag(dataset: Any) -> None:
    from label_quality.plugin.review.tags import tag_samples

    tag_samples(_choice(dataset), "relabel", regions=True)


def _tagged(dataset: Any) -> None:
    _audited(dataset)
    _tag(dataset)


def _untag(dataset: Any) -> None:
    from label_quality.plugin.review.tags import undo_tagging

    undo_tagging(dataset)


def _benchmark(dataset: Any) -> None:
    from label_quality.plugin.benchmark.run import benchmark_scores

    benchmark_scores(
        dataset, LABELS, kinds=("drop", "swap"), rates={"drop": 0.4, "swap": 0.4}, resamples=20, **TRAINING
    )


def _benchmarked(dataset: Any) -> None:
    from label_quality.plugin.benchmark.run import benchmark_scores

    benchmark_scores(dataset, LABELS, kinds=("swap",), rates={"swap": 0.4}, resamples=20, keep_runs=True, **TRAINING)


def _delete_benchmark(dataset: Any) -> None:
    from label_quality.plugin.benchmark.run import delete_benchmark

    delete_benchmark(dataset)


def _overwrite(dataset: Any) -> None:
    _audit(dataset, **FILES, scores=["ccp", "clc", "softmin"], overwrite=True)


def _audited_twice(dataset: Any) -> None:
    _audit(dataset, **FILES, key="lq_first", scores=["evidence", "softmin"], displaced_edges=False)
    _audited(dataset)


def _compare(dataset: Any) -> None:
    from label_quality.plugin.compare.comparison import compare_runs

    compare_runs(dataset, "lq_first", "lq")


def _verified(dataset: Any) -> None:
    """An audit, all of whose suspects have a verdict."""
    from label_quality.plugin.review.decide import set_verdict

    _audited(dataset)
    regions = _all_regions(dataset)
    set_verdict(dataset, "lq", regions[::2], "confirmed", reviewer="me")
    set_verdict(dataset, "lq", regions[1::2], "rejected", reviewer="me")


def _gain(dataset: Any) -> None:
    from label_quality.plugin.gain.measure import measure_gain

    measure_gain(dataset, "lq", repeats=2, resamples=100, **TRAINING)


def _judged(dataset: Any) -> None:
    """A review, and a sample that was drawn and judged, of which as much as half was wrong."""
    from label_quality.plugin.review.decide import set_verdict
    from label_quality.plugin.survey.estimate_errors import estimate_errors

    _reviewed(dataset)
    estimate_errors(dataset, "lq", verdicts=30, suspects=6, images=6)
    dataset.reload()
    units = [one for one in dataset.values("lq_sample.detections.id", unwind=True) if one]
    set_verdict(dataset, "lq", units[::2], "confirmed", reviewer="me")
    set_verdict(dataset, "lq", units[1::2], "rejected", reviewer="me")


def _estimate(dataset: Any) -> None:
    from label_quality.plugin.survey.estimate_errors import estimate_errors

    estimate_errors(dataset, "lq", verdicts=60, suspects=12, images=12)


def _report(dataset: Any) -> None:
    from label_quality.plugin.report.write import write_report

    write_report(dataset, "lq", _written("report.html"), images=5, issues=3)


def _export(dataset: Any) -> None:
    from label_quality.plugin.clean.clean_dataset import export_clean_dataset

    export_clean_dataset(dataset, "lq", export_dir=_written("clean"), unreviewed="ignore")


def _written(name: str) -> str:
    """A path beside the runs' files, which are compared."""
    import fiftyone as fo

    return str(Path(fo.config.default_dataset_dir) / name)


def _load_corrections(dataset: Any) -> None:
    from label_quality.plugin.corrections.load_corrections import load_corrections

    load_corrections(dataset, "corrected", "lq", reviewer="me", reviewed=True)


def _corrected_elsewhere(dataset: Any) -> None:
    """An audit, and masks that were corrected in a field of the user's: all are as the first one."""
    import fiftyone as fo

    _audited(dataset)
    masks = dataset.values(f"{LABELS}.mask_path")
    labels = [fo.Segmentation(mask_path=masks[0] if place % 4 == 0 else one) for place, one in enumerate(masks)]
    dataset.set_values("corrected", labels)


OPERATIONS = (
    Operation("audit", LARGE, _nothing, _audited),
    Operation("audit-training", SMALL, _nothing, lambda dataset: _audit(dataset, **TRAINING)),
    Operation("audit-overwriting", LARGE, _reviewed, _overwrite),
    Operation("score", SMALL, _predicted, _score),
    Operation("suspects", LARGE, _reviewed, _search),
    Operation("review", LARGE, _audited, _review),
    Operation("decide", LARGE, _audited, _decide, "There is nothing to decide on"),
    Operation("undo-decision", LARGE, _decided, _undo_decision, "There is no verdict on many suspects"),
    Operation("tag", LARGE, _audited, _tag),
    Operation("untag", LARGE, _tagged, _untag, "There is no tagging to undo"),
    Operation("correct", LARGE, _corrected, _correct),
    Operation("compare", LARGE, _audited_twice, _compare),
    Operation("gain", LARGE, _verified, _gain),
    Operation("estimate", LARGE, _reviewed, _estimate),
    Operation("estimate-more", LARGE, _judged, _estimate),
    Operation("corrections", LARGE, _corrected_elsewhere, _load_corrections),
    Operation("export", LARGE, _reviewed, _export, "There are other files in"),
    Operation("report", LARGE, _judged, _report, "There is a file"),
    Operation("delete", LARGE, _corrected, _delete, "has no label quality run 'lq'"),
    Operation("benchmark", SMALL, _nothing, _benchmark),
    Operation("delete-benchmark", SMALL, _benchmarked, _delete_benchmark, "has no benchmark 'lq_benchmark'"),
)
