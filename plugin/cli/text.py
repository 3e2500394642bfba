"""Runs as text for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..base.console import format_seconds, format_table, short_path
from ..base.words import count, expected
from ..lint.summary import run_sentence
from .option_names import as_options

if TYPE_CHECKING:
    from ..clean.clean_dataset import ExportedDataset
    from ..evaluation.evaluate import Evaluation
    from ..lint.summary import LintSummary
    from ..records.comparison import Comparison
    from ..records.record_parts import CorrectionPart, GainPart
    from ..records.run_record import RunRecord
    from ..runs.summary import FoundSuspects, RankedImage, RunSummary, ScoredObjects
    from ..survey.judged_sample import ErrorEstimate

_SHOWN_FAILURES = 10
_SHOWN_NAMES = 5
_SHOWN_PAIRS = 20
#: As many classes as a screen or two have lines
_SHOWN_CLASSES = 50


def describe(summary: RunSummary, worst: int = 10) -> str:
    """The ranked result as text: what was done, and the worst images first with all their scores.

    Args:
        summary: of the run
        worst: number of images in the table
    """
    lines = [
        "",
        f"{summary.scored} of {summary.images} images scored in {format_seconds(summary.seconds)} "
        f"(run '{summary.key}', {summary.classes} classes).",
    ]
    if summary.note:
        lines += _notes([summary.note])
    lines += _left_out(summary.failures, "the run's record")
    if worst > 0:
        title = "Worst images first (scores are in 0..1, low = probably mislabelled):"
        lines += ["", title, "", ranking_table(summary.worst[:worst])]
    if summary.suspects is not None:
        lines += ["", suspects_text(summary.suspects)]
    if summary.lint is not None:
        lines += ["", run_sentence(summary.key, summary.lint)]
    return "\n".join(lines)


def suspects_text(found: FoundSuspects) -> str:
    """How many suspects there are, of which type, and the leading issues in a table."""
    notes = _notes(found.notes)
    if not found.regions:
        return "\n".join([*(["No suspects."] if found.by_type else []), *notes])
    types = ", ".join(f"{count} {kind}" for kind, count in found.by_type.items() if count)
    first = f"{count(found.regions, 'suspect')} in {count(found.images, 'image')}: {types}."
    if found.label_miou is not None:
        first += f" Given and suggested labels have a mean IoU of {found.label_miou:.3f}."
    rated = any(group["expected"] is not None for group in found.groups)
    header = ["kind", "suspects", *(["probable"] if rated else []), "images", "share", "issue"]
    rows = [
        [
            group["kind"].replace("_", " "),
            group["regions"],
            *([expected(group["expected"] or 0.0)] if rated else []),
            group["images"],
            f"{group['share']:.1%}",
            group["title"],
        ]
        for group in found.groups
    ]
    title = f"Issues, the most {'probable mistakes' if rated else 'evidence'} first (share is of the given class):"
    return "\n".join([first, *notes, "", title, "", format_table(header, rows)])


def gain_text(found: GainPart) -> str:
    """What clean masks are worth, in sentences and tables."""
    from ..gain.text import class_rows, gain_sentences, score_rows

    notes = _notes(found.notes)
    header = ["masks", "pixels changed", "mIoU", "gain", "accuracy", "gain"]
    by_class = ["class", "given", "without suspects", "clean", "gain"]
    return "\n".join(
        [
            *gain_sentences(found),
            *notes,
            *("", "Trained on each kind of masks, with 95 % intervals:", ""),
            format_table(header, [list(row.values()) for row in score_rows(found)]),
            *("", "IoU by class, the largest gain of clean masks first:", ""),
            *_class_table(by_class, [list(row.values()) for row in class_rows(found)]),
        ]
    )


def comparison_text(found: Comparison) -> str:
    """What has changed from one run to another, in sentences and tables."""
    from ..compare.text import class_change_rows, comparison_sentences, image_rows, issue_rows

    lines = [*comparison_sentences(found), *_notes(found.notes)]
    tables = (
        (
            "Suspects by issue, the most changed first; those rejected before are no change:",
            ["issue", "before", "after", "rejected before", "change"],
            issue_rows(found),
        ),
        (
            "IoU of given and suggested masks by class, and of both runs' masks:",
            ["class", "before", "after", "masks"],
            class_change_rows(found),
        ),
        (
            "Quality, the images that fell most and those that grew most:",
            ["image", "before", "after", "change"],
            image_rows(found),
        ),
    )
    for title, header, rows in tables:
        if rows:
            lines += ["", title, "", format_table(header, [list(row.values()) for row in rows])]
    return "\n".join(lines)


def evaluation_text(found: Evaluation) -> str:
    """How far given and predicted masks agree, and by class in a table."""
    from ..evaluation.text import evaluated_class_rows, evaluation_sentences

    header = ["class", "given pixels", "IoU", "precision", "recall"]
    rows = [list(row.values()) for row in evaluated_class_rows(found)]
    return "\n".join([*evaluation_sentences(found), *(["", *_class_table(header, rows)] if rows else [])])


def lint_text(found: LintSummary) -> str:
    """How much is found of each kind, and an example of each, in tables; and the images with the most."""
    from ..lint.summary import example_rows, image_rows, kind_rows, lint_sentence

    lines = [lint_sentence(found), *_notes(found.notes)]
    if not found.findings:
        return "\n".join(lines)
    rows = [list(row.values()) for row in kind_rows(found)]
    lines += ["", format_table(["kind", "findings", "images", "what it is"], rows), "", "For example:", ""]
    lines += [f"{row['kind']}: {row['example']}" for row in example_rows(found)]
    worst = [list(row.values()) for row in image_rows(found)]
    lines += ["", "The images with the most:", "", format_table(["image", "findings", "kinds"], worst)]
    return "\n".join([*lines, "", f"The saved view '{found.view}' shows them, those with the most first."])


def objects_text(found: ScoredObjects, key: str) -> str:
    """How many annotated objects there are, by class in a table, the lowest mean quality first."""
    notes = _notes(found.notes)
    if not found.objects:
        return "\n".join(["No objects.", *notes])
    first = f"{count(found.objects, 'object')} in {count(found.images, 'image')}."
    rows = [
        [one["name"], one["objects"], one["unlike"], float(one["quality"])]
        for one in sorted(found.classes, key=lambda one: one["quality"])
    ]
    header = ["class", "objects", "look like another", "mean quality"]
    last = f"The saved view '{key}: worst objects' shows them, the worst first."
    return "\n".join([first, *notes, "", *_class_table(header, rows), "", last])


def ranking_table(images: Sequence[RankedImage]) -> str:
    """A line an image, in the order given, with a column for every score that any of them has."""
    if not images:
        return "(no image has scores)"
    names = list(dict.fromkeys(name for image in images for name in image.scores))
    rows = [
        [rank, float(image.quality), *(image.scores.get(name) for name in names), short_path(image.filepath)]
        for rank, image in enumerate(images, start=1)
    ]
    return format_table(["rank", "quality", *names, "image"], rows)


def runs_table(records: Sequence[RunRecord]) -> str:
    """A line a run, and a run's note under the table."""
    if not records:
        return "No runs."
    header = ["key", "labels", "predictions", "images", "scored", "status", "created"]
    rows = [[r.key, r.label_field, r.source, r.samples, r.scored, r.status, r.created] for r in records]
    notes = [f"{record.key}: {as_options(record.note)}" for record in records if record.note]
    return "\n".join([format_table(header, rows), *([""] if notes else []), *notes])


def export_text(made: ExportedDataset) -> str:
    """What was exported, and what was left out."""
    images, regions, pixels = (
        count(made.images, "image"),
        count(made.regions, "corrected suspect"),
        count(made.pixels, "changed pixel"),
    )
    lines = [f"Exported {images} with {regions} and {pixels} to {made.folder}; {made.manifest} says what and why."]
    if made.ignored:
        lines.append(f"Ignored: {count(made.ignored, 'suspect')} that nobody has reviewed.")
    left = {"with a suspect that nobody has reviewed": made.dropped, "without a mask": made.without_mask}
    lines += [f"Left out: {count(number, 'image')} {why}." for why, number in left.items() if number]
    doubts = _left_out(made.unclear, "the manifest", "Not corrected")
    return "\n".join([*lines, *doubts, *_left_out(made.failures, "the manifest")])


def estimate_text(found: ErrorEstimate) -> str:
    """How far judging is, the estimates with their intervals, and tables of the issues and of the classes."""
    # Here, as it brings FiftyOne with it
    from ..survey.estimate_text import class_rows, estimate_rows, issue_rows, progress_sentence

    lines = [progress_sentence(found), *_notes(found.notes)]
    rows = estimate_rows(found)
    if rows:
        lines += ["", "With 95 % intervals:", "", format_table(["estimate", "value (interval)"], rows)]
    if found.issues:
        lines += ["", format_table(["issue", "not reviewed", "judged", "really mistakes"], issue_rows(found))]
    if found.classes:
        lines += ["", *_class_table(["class", "pixels", "truly another class", "missed"], class_rows(found))]
    return "\n".join(lines)


def corrections_text(made: CorrectionPart, key: str) -> str:
    """What corrected masks change, by pairs of classes in a table, and what becomes of the suspects."""
    changed, pixels = count(made.changed, "image"), count(made.pixels, "pixel")
    lines = [f"Loaded {count(made.images, 'corrected mask')} from {made.source}: {changed} and {pixels} changed."]
    resolved = f"{count(made.resolved, 'suspect')} resolved ({made.as_suggested:,} as suggested)"
    rejected = f" ({made.rejected:,} rejected, as whole images were reviewed)" if made.rejected else ""
    new = "" if made.newly_wrong is None else f", {made.newly_wrong:,} newly wrong"
    if made.resolved or made.still_suspect or new:
        lines.append(f"{resolved}, {made.still_suspect:,} still suspect{rejected}{new}.")
    if made.quality is not None:
        before, after = made.quality
        lines.append(f"The changed images have a mean quality of {after:.3f}, in place of {before:.3f}.")
    lines += _notes(made.notes)
    if made.pairs:
        rows = [[one.given, one.became, one.pixels, one.images] for one in made.pairs[:_SHOWN_PAIRS]]
        more = len(made.pairs) - len(rows)
        lines += ["", format_table(["was", "is", "pixels", "images"], rows)]
        lines += [f"... and {more} more pairs of classes, all in the run's record."] if more > 0 else []
    lines += _left_out([f"{one['sample_id']}: {one['problem']}" for one in made.failures], "the run's record")
    return "\n".join([*lines, "", f"The saved view '{key}: corrected images' shows them, the most changed first."])


def _class_table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    """A table with a line a class, of the first ones where they are many, and how many more there are."""
    more = len(rows) - _SHOWN_CLASSES
    lines = [format_table(header, rows[:_SHOWN_CLASSES])]
    return [*lines, f"... and {count(more, 'more class', 'more classes')}."] if more > 0 else lines


def listed(names: Sequence[str]) -> str:
    """The first few names, and how many more there are."""
    more = len(names) - _SHOWN_NAMES
    return ", ".join(names[:_SHOWN_NAMES]) + (f" and {more} more" if more > 0 else "")


def _notes(notes: Sequence[str]) -> list[str]:
    return [f"Note: {as_options(note)}" for note in notes]


def _left_out(failures: Sequence[str], whole: str, title: str = "Left out") -> list[str]:
    """A line a failure, so far as there is room for them; ``whole`` has them all."""
    lines = [f"{title}: {as_options(failure)}" for failure in failures[:_SHOWN_FAILURES]]
    more = len(failures) - _SHOWN_FAILURES
    return [*lines, f"... and {more} more, all in {whole}."] if more > 0 else lines
