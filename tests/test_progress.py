"""Every public function that takes ``progress``: bars, nothing, a function, and an error for anything else."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import label_quality
import pytest
from label_quality.plugin.base.errors import LabelQualityError

from .predicted import WITH_FILES, add_predictions

Call = Callable[..., Any]


def _call(name: str, *args: Any, **parameters: Any) -> Call:
    """A function of the package, called with these after the dataset."""

    def call(dataset: Any, folder: Path, progress: Any) -> Any:
        given = {key: value(folder) if callable(value) else value for key, value in parameters.items()}
        return getattr(label_quality, name)(dataset, *args, progress=progress, **given)

    return call


def _send(dataset: Any, folder: Path, progress: Any) -> Any:
    from label_quality.plugin.review.choose_images import Choice, choose

    chosen = choose(dataset, Choice("worst", worst=2))
    return label_quality.send_to_annotation(chosen, "ground_truth", backend="folder", progress=progress)


CALLS: dict[str, Call] = {
    "audit_labels": _call("audit_labels", "ground_truth", key="anew", **WITH_FILES),
    "benchmark_scores": _call("benchmark_scores", "ground_truth", kinds=["swap"], preset="fast", folds=2),
    "compare_runs": _call("compare_runs", "lq", "after"),
    "compute_predictions": _call(
        "compute_predictions", "ground_truth", key="predicted", source="files", field="probabilities"
    ),
    "estimate_errors": _call("estimate_errors", verdicts=10),
    "evaluate_predictions": _call("evaluate_predictions"),
    "export_clean_dataset": _call(
        "export_clean_dataset", export_dir=lambda folder: str(folder / "clean"), unreviewed="ignore"
    ),
    "find_suspects": _call("find_suspects", min_probability=0.0),
    "lint_masks": _call("lint_masks", "ground_truth", key="linted"),
    "load_corrections": _call("load_corrections", source="corrected"),
    "measure_gain": _call("measure_gain", clean_field="corrected", verified_field="corrected"),
    "score_label_quality": _call("score_label_quality", "ground_truth", key="again", predictions="lq"),
    "score_objects": _call("score_objects"),
    "send_to_annotation": _send,
    "write_corrected_masks": _call("write_corrected_masks", regions="all"),
    "write_report": _call("write_report", path=lambda folder: folder / "report.html"),
}
#: Those that need no training and no service
QUICK = sorted(set(CALLS) - {"benchmark_scores", "measure_gain", "send_to_annotation"})


def _with_progress() -> list[str]:
    functions = filter(inspect.isfunction, (getattr(label_quality, name) for name in label_quality.__all__))
    return [one.__name__ for one in functions if "progress" in inspect.signature(one).parameters]


@pytest.fixture(scope="module")
def audited(make_module_dataset: Any, module_folder: Path) -> Any:
    """Twelve images with two runs, and another field of masks."""
    from label_quality import audit_labels, score_label_quality

    dataset = add_predictions(make_module_dataset(count=12), module_folder / "probabilities")
    audit_labels(dataset, "ground_truth", **WITH_FILES)
    score_label_quality(dataset, "ground_truth", key="after", predictions="lq", min_probability=0.0)
    dataset.clone_sample_field("ground_truth", "corrected")
    return dataset


@pytest.fixture
def service(fiftyone: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests' own annotation service is set up."""
    from . import annotation_backend

    settings = {"config_cls": f"{annotation_backend.__name__}.FolderBackendConfig", "folder": str(tmp_path)}
    monkeypatch.setitem(fiftyone.annotation_config.backends, "folder", settings)


def test_all_of_them_are_tried() -> None:
    assert _with_progress() == sorted(CALLS)


@pytest.mark.parametrize("name", sorted(CALLS))
def test_by_default_nothing_is_shown(name: str) -> None:
    assert inspect.signature(getattr(label_quality, name)).parameters["progress"].default is False


@pytest.mark.parametrize("name", sorted(CALLS))
def test_what_is_neither_bars_nor_a_function_is_an_error(
    name: str, audited: Any, service: None, tmp_path: Path
) -> None:
    before = audited.get_field_schema()
    text = (
        "Expected parameter `progress` to be True for progress bars, False or None for none, or a function that is "
        "called as progress(stage, done, total), but got 'yes'."
    )
    with pytest.raises(LabelQualityError, match=f"^{re.escape(text)}$"):
        CALLS[name](audited, tmp_path, "yes")
    assert audited.get_field_schema() == before


@pytest.mark.parametrize("name", QUICK)
def test_bars_are_shown_where_they_are_asked_for(
    name: str, audited: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    CALLS[name](audited, tmp_path, True)
    lines = capsys.readouterr().err.splitlines()
    # As a file gets them: the last line is written when the bars are closed
    assert re.fullmatch(r"\D+: (\d+) of \1, \d\.\d s", lines[-1])


def test_nothing_is_shown_and_a_function_is_called(
    audited: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stages: list[str] = []
    lint = CALLS["lint_masks"]
    for progress in (False, None, lambda stage, done, total: stages.append(stage)):
        lint(audited, tmp_path, progress)
    assert capsys.readouterr().err == ""
    assert set(stages) == {"Reading masks", "Comparing images", "Writing findings"}
