"""Writes a report: one HTML file that needs nothing else, to be opened anywhere, printed, or sent."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib import resources
from pathlib import Path
from typing import Any

import fiftyone as fo
import jinja2

from ..base import words
from ..base.console import format_seconds
from ..base.database_errors import database_errors
from ..base.errors import LabelQualityError
from ..base.progress import Progress, showing
from ..dataset.suspect_fields import SUSPECTS
from ..documents.ownership import field_name
from ..estimate.config import EstimateConfig
from ..gain.text import class_rows, gain_sentences, score_rows
from ..records.record_parts import COMPLETE
from ..records.run_record import RunRecord, load_record
from ..runs.collect_edits import collect_edits
from ..runs.overview import BINS, bin_range
from ..runs.summary import RankedImage, ranking
from ..samples.private_fiftyone import root_of
from ..store.export_folder import in_home
from ..store.new_file import check_new_file, write_new_file
from ..survey.estimate_text import class_rows as estimate_class_rows
from ..survey.estimate_text import estimate_rows, issue_rows, progress_sentence
from ..survey.judged_sample import estimate
from ..suspects.class_effects import ClassEffect
from ..suspects.issues import Group
from .config import ReportRequest
from .findings import count_reviewed, examples_of, note_lines, regions_of
from .pictures import Crop, Photo, crop_region, take_photo

_ENDING = ".html"
_TEMPLATE = "template.html.j2"


@dataclass(frozen=True)
class WrittenReport:
    """What was written.

    Args:
        path: the file
        images: of the worst, shown in it
        issues: shown in it
    """

    path: str
    images: int
    issues: int


@dataclass(frozen=True)
class ShownImage:
    """One of the worst images.

    Args:
        rank: 1 for the worst
        ranked: the image and its quality
        photo: the whole image; None where it cannot be read
        suspects: how many it has
        crop: its most probable suspect; None where it has none
    """

    rank: int
    ranked: RankedImage
    photo: Photo | None
    suspects: int
    crop: Crop | None


@dataclass(frozen=True)
class ShownIssue:
    """An issue.

    Args:
        issue: as the record has it
        examples: its most probable suspects
    """

    issue: Group
    examples: tuple[Crop, ...]


@database_errors()
def write_report(
    collection: fo.Dataset | fo.DatasetView,
    key: str = ReportRequest.key,
    path: str | os.PathLike[str] = ReportRequest.path,
    *,
    progress: Progress | bool | None = False,
    **parameters: Any,
) -> WrittenReport:
    """Writes a run as one HTML file, for whoever decides about the dataset.

    It says how many images were checked and what was found, shows the worst images and the issues with examples, what
    people have decided, how many errors there are and what the corrections are worth where that was estimated
    (`estimate_errors`) and measured (`measure_gain`), and how all of it was done. The file needs no other file and no
    network; it is light or dark as the reader's system is, and prints.
    Everything in it is as the dataset is now; nothing of the dataset changes, but that what was edited in the App
    is taken as a verdict first.

    Args:
        collection: the dataset, or a view of it; the whole run is reported
        key: the run's key
        path: of the file, which ends in .html; by default it is named after the dataset, in the home folder
        progress: True for bars in the terminal or notebook; or a `Progress`, told after every image and issue
        **parameters: of `config.ReportRequest`: images, issues, examples, overwrite

    Returns:
        what was written

    Raises:
        LabelQualityError: no such run, one without scores, a parameter that is none of those above, another ending, a
            file that is there, or that cannot be written
    """
    request = ReportRequest.from_params({"key": key, "path": os.fspath(path), **parameters})
    dataset = root_of(collection)
    record = load_record(dataset, request.key)
    if record.status != COMPLETE or record.overview is None:
        raise LabelQualityError(
            f"Run '{request.key}' has no scores to report, as it is {record.status}. Finish it, or score its "
            "predictions: score_label_quality."
        )
    target = check_report_path(request.path or default_path(dataset), request.overwrite)
    with showing(progress) as progress:
        if dataset.has_sample_field(field_name(request.key, SUSPECTS)):
            collect_edits(dataset, request.key)
        worst = ranking(dataset, request.key, request.images)
        issues = sorted(record.issues, key=lambda one: -one.regions)[: request.issues]
        total = len(worst) + len(issues)
        images = _reported(_worst_images(dataset, record, worst), progress, 0, total)
        shown = _reported(_issues(dataset, record, issues, request.examples), progress, len(worst), total)
        text = render(dataset, record, images, shown)
        # Once more: it has taken a while
        check_report_path(target, request.overwrite)
        write_new_file(target, text, "report")
        return WrittenReport(str(target), len(images), len(shown))


def default_path(dataset: fo.Dataset) -> str:
    """Where a report goes unless told otherwise: the home folder."""
    return in_home(dataset.name, f"-label-quality{_ENDING}")


def check_report_path(path: str | os.PathLike[str], overwrite: bool = False) -> Path:
    """The path of a report, if it can be written there.

    Args:
        path: ends in .html; a leading ``~`` is the home folder
        overwrite: replace the file if it is there

    Raises:
        LabelQualityError: another ending, a file that is there, or a folder that cannot be written to
    """
    return check_new_file(path, (_ENDING,), overwrite)


def render(dataset: fo.Dataset, record: RunRecord, images: Sequence[ShownImage], issues: Sequence[ShownIssue]) -> str:
    """The page as text."""
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"count": words.count, "percent": words.percent, "when": words.when}
    template = environment.from_string(resources.files(__package__).joinpath(_TEMPLATE).read_text(encoding="utf-8"))
    overview, gain, sample = record.overview, record.gain, record.sample
    judged = None if sample is None else estimate(dataset, record, sample, EstimateConfig.precision)
    assert overview is not None
    return template.render(
        dataset=dataset.name,
        record=record,
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        reviewed=count_reviewed(dataset, record.key),
        quality_name=words.SCORE_NAMES.get(overview.quality or "", "the ranking score").lower(),
        bars=list(_bars(record)),
        images=images,
        issues=issues,
        all_issues=len(record.issues),
        kinds=words.KIND_NAMES,
        types=words.TYPE_NAMES,
        source=words.SOURCE_NAMES.get(record.source, record.source),
        effects=_effects(record),
        gain=gain,
        judged=judged,
        estimate_words="" if judged is None else progress_sentence(judged),
        estimate_rows=[] if judged is None else estimate_rows(judged),
        estimate_issues=[] if judged is None else issue_rows(judged),
        estimate_classes=[] if judged is None else estimate_class_rows(judged),
        gain_sentences=[] if gain is None else gain_sentences(gain),
        gain_rows=[] if gain is None else score_rows(gain),
        gain_classes=[] if gain is None else class_rows(gain),
        parameters=_parameters(record),
        versions=record.versions,
        seconds=format_seconds(sum(record.timings.values())),
        notes=list(dict.fromkeys([*note_lines(record), *(judged.notes if judged is not None else ())])),
    )


def _reported(found: Iterator[Any], progress: Progress, before: int, total: int) -> list[Any]:
    """All of them, with progress."""
    made = []
    for one in found:
        made.append(one)
        progress("Drawing", before + len(made), total)
    return made


def _worst_images(dataset: fo.Dataset, record: RunRecord, worst: Sequence[RankedImage]) -> Iterator[ShownImage]:
    regions = regions_of(dataset, record.key, [one.sample_id for one in worst])
    for rank, ranked in enumerate(worst, start=1):
        own = regions.get(ranked.sample_id, [])
        crop = crop_region(dataset, record, ranked.sample_id, own[0]) if own else None
        photo = take_photo(ranked.filepath, ranked.sample_id, own)
        yield ShownImage(rank, ranked, photo, len(own), crop)


def _issues(dataset: fo.Dataset, record: RunRecord, issues: Sequence[Group], examples: int) -> Iterator[ShownIssue]:
    for issue in issues:
        found = examples_of(dataset, record.key, issue.given_name, issue.suggested_name, examples)
        yield ShownIssue(issue, tuple(crop_region(dataset, record, sample_id, one) for sample_id, one in found))


def _bars(record: RunRecord) -> Iterator[dict[str, Any]]:
    """The histogram of quality: of each bin its place and width in [0, 1], its share of the highest, and words."""
    overview = record.overview
    found = overview.scores.get(overview.quality or "") if overview is not None else None
    counts = found.histogram if found is not None else []
    highest = max(counts, default=0)
    for place, number in enumerate(counts):
        low, high = bin_range(place)
        words_of = f"{words.count(number, 'image')} from {low:.2f} to {high:.2f}"
        yield {"left": place / BINS, "width": 1 / BINS, "height": number / max(highest, 1), "words": words_of}


def _effects(record: RunRecord) -> list[ClassEffect]:
    """Each class with a suspect or a suggestion, the lowest IoU first."""
    changed = [one for one in record.classes if one.iou is not None and one.iou < 1]
    return sorted(changed, key=lambda one: one.iou or 0.0)


def _parameters(record: RunRecord) -> list[tuple[str, str, str]]:
    """The parameters that were used, by group; those that are empty are left out."""
    groups = {"predictions": "Predictions", "scores": "Scores"}
    found = [
        (label, name, _said(value))
        for group, label in groups.items()
        for name, value in record.config.get(group, {}).items()
        if value not in (None, "", [], {})
    ]
    suspects = record.suspects.config if record.suspects is not None else {}
    return found + [("Suspects", name, _said(value)) for name, value in suspects.items() if value not in (None, "", [])]


def _said(value: Any) -> str:
    """A parameter's value as people write it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
