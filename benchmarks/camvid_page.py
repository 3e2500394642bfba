"""Renders a benchmark's tables beside the paper's, and its precision-recall curves, into a page of the docs.

The record is what ``label-quality benchmark --json`` writes::

    python -m benchmarks camvid-page camvid.json --page docs/camvid.md --picture docs/camvid-curves.svg

Of the page, only what is between the two comments that mark the tables is replaced.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from label_quality.plugin.benchmark.tables import KIND_NAMES, METRICS, SCORE_NAMES, metric_table
from tabulate import tabulate

from .paper_figures import COLUMNS, FIGURES

_BEGIN, _END = "<!-- tables: written by python -m benchmarks camvid-page -->", "<!-- end of tables -->"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("record", type=Path, help="JSON of label-quality benchmark")
    parser.add_argument("--page", type=Path, required=True, help="Markdown page with the marks of the tables")
    parser.add_argument("--picture", type=Path, help="also draw the precision-recall curves to this file")


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Writes the tables into the page, and the picture.

    Returns:
        the record
    """
    record: dict[str, Any] = json.loads(options.record.read_text())
    page = options.page.read_text()
    if _BEGIN not in page or _END not in page:
        raise SystemExit(f"error: {options.page} has no lines '{_BEGIN}' and '{_END}' to put the tables between.")
    before, rest = page.split(_BEGIN, 1)
    options.page.write_text("\n".join([before + _BEGIN, "", *tables(record), "", _END + rest.split(_END, 1)[1]]))
    if options.picture is not None:
        draw_curves(record["results"], options.picture)
    print(f"Wrote {options.page}" + (f" and {options.picture}." if options.picture else "."))
    return record


def tables(record: Mapping[str, Any]) -> list[str]:
    """The lines of the four tables, each cell of which has the benchmark's figure above the paper's.

    Args:
        record: of the benchmark
    """
    results = record["results"]
    counts = {KIND_NAMES[one["kind"]]: f"{one['errors']} {KIND_NAMES[one['kind']]}" for one in results}
    lines = [f"{record['images']} images, of which mislabelled, each kind by itself: {', '.join(counts.values())}."]
    for metric, heading in METRICS.items():
        header, rows = metric_table(results, metric)
        if rows:
            table = tabulate(_beside(rows, results, metric), header, tablefmt="github", disable_numparse=True)
            lines += ["", f"### {heading}", "", *table.splitlines()]
    return lines


def draw_curves(results: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draws the precision-recall curves, a panel a kind of error and architecture.

    Args:
        results: of a benchmark's record
        path: of the picture, in a format by its suffix
    """
    import matplotlib

    matplotlib.use("Agg")
    # Text as text, and the same file for the same figures
    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "curves"})
    from matplotlib import pyplot

    kinds = list(dict.fromkeys(one["kind"] for one in results))
    models = list(dict.fromkeys(one["architecture"] for one in results))
    figure, panels = pyplot.subplots(
        len(models), len(kinds), figsize=(3.4 * len(kinds), 3.1 * len(models)), sharex=True, sharey=True, squeeze=False
    )
    names = [name for name in SCORE_NAMES if any(name in one["curves"] for one in results)]
    for result in results:
        panel = panels[models.index(result["architecture"])][kinds.index(result["kind"])]
        panel.set_title(f"{KIND_NAMES[result['kind']]}, {result['architecture'] or 'own decoder'}", fontsize=9)
        for number, name in enumerate(names):
            curve = result["curves"].get(name, {"recall": [], "precision": []})
            best = name == names[-1]
            style = {"color": "black" if best else f"C{number}", "linewidth": 2 if best else 1}
            panel.plot(curve["recall"], curve["precision"], label=SCORE_NAMES[name], **style)
        panel.axhline(result["errors"] / result["images"], color="gray", linestyle=":", linewidth=1)
        panel.grid(alpha=0.3)
    for row in panels:
        row[0].set_ylabel("precision")
    for panel in panels[-1]:
        panel.set_xlabel("recall")
    handles, labels = panels[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncols=4, fontsize=8, frameon=False)
    figure.tight_layout(rect=(0, 0.08, 1, 1))
    figure.savefig(path, dpi=110, metadata={"Date": None} if path.suffix == ".svg" else None)
    pyplot.close(figure)


def _beside(rows: Sequence[Sequence[str]], results: Sequence[Mapping[str, Any]], metric: str) -> list[list[str]]:
    """The rows with the paper's figures in italics below, the best of each of its columns bold."""
    places = [
        COLUMNS.index((one["kind"], one["architecture"])) if (one["kind"], one["architecture"]) in COLUMNS else None
        for one in results
        if any(metric in metrics for metrics in one["scores"].values())
    ]
    score_of = {label: name for name, label in SCORE_NAMES.items()}
    best = [max(column) for column in zip(*FIGURES[metric].values(), strict=True)]
    beside = []
    for label, *cells in rows:
        figures = FIGURES[metric].get(score_of.get(label, ""))
        together = [
            cell if figures is None or place is None else f"{cell}<br>{_italic(figures[place], best[place])}"
            for cell, place in zip(cells, places, strict=True)
        ]
        beside.append([label, *together])
    return beside


def _italic(value: float, best: float) -> str:
    return f"***{value:.3f}***" if value == best else f"*{value:.3f}*"
