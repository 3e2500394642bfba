"""The page of the paper's benchmark: figures beside the paper's, only the tables replaced, and the picture."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import camvid_page
from benchmarks.paper_figures import COLUMNS, FIGURES


def result(kind: str, architecture: str | None, value: float) -> dict[str, Any]:
    estimate = {"value": value, "low": value - 0.1, "high": value + 0.05}
    names = ("softmin", "evidence")
    return {
        "kind": kind,
        "architecture": architecture,
        "errors": 4,
        "images": 20,
        "scores": {name: {"auroc": estimate} for name in names},
        "curves": {name: {"recall": [0, 1], "precision": [1, 0.5]} for name in names},
    }


RECORD = {"images": 20, "results": [result("drop", "FPN", 0.9), result("swap", None, 0.8)]}
TABLE = [
    "20 images, of which mislabelled, each kind by itself: 4 Drop, 4 Swap.",
    "",
    "### AUROC",
    "",
    "| score               | Drop, FPN                              | Swap, own decoder       |",
    "|---------------------|----------------------------------------|-------------------------|",
    "| Softmin             | **0.900** (0.800–0.950)<br>***0.947*** | **0.800** (0.700–0.850) |",
    "| Class-pair evidence | **0.900** (0.800–0.950)                | **0.800** (0.700–0.850) |",
]


def test_each_cell_has_the_papers_figure_of_the_same_kind_and_model() -> None:
    assert camvid_page.tables(RECORD) == TABLE


def test_the_papers_tables_are_whole() -> None:
    assert list(FIGURES) == ["auroc", "auprc", "lift_at_errors", "lift_at_100"]
    assert all(
        len(scores) == 7 and all(len(row) == len(COLUMNS) == 6 for row in scores.values())
        for scores in FIGURES.values()
    )
    # What the paper says in words
    auroc = FIGURES["auroc"]
    assert all(max(auroc, key=lambda name: auroc[name][place]) == "softmin" for place in (0, 1, 4, 5))


def options(tmp_path: Path, page: str) -> argparse.Namespace:
    (tmp_path / "record.json").write_text(json.dumps(RECORD))
    (tmp_path / "page.md").write_text(page)
    parser = argparse.ArgumentParser()
    camvid_page.add_arguments(parser)
    files = [str(tmp_path / "record.json"), "--page", str(tmp_path / "page.md")]
    return parser.parse_args([*files, "--picture", str(tmp_path / "curves.svg")])


def test_only_the_tables_are_replaced_and_the_curves_are_drawn(tmp_path: Path) -> None:
    marks = "<!-- tables: written by python -m benchmarks camvid-page -->", "<!-- end of tables -->"
    camvid_page.run(options(tmp_path, f"Before\n\n{marks[0]}\nold\n{marks[1]}\n\nAfter\n"))
    expected = "\n".join(["Before", "", marks[0], "", *TABLE, "", marks[1], "", "After", ""])
    assert (tmp_path / "page.md").read_text() == expected
    drawn = (tmp_path / "curves.svg").read_text()
    assert "Drop, FPN" in drawn and "Class-pair evidence" in drawn
    camvid_page.run(options(tmp_path, expected))
    assert (tmp_path / "page.md").read_text() == expected and (tmp_path / "curves.svg").read_text() == drawn


def test_a_page_without_marks_is_said(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"page\.md has no lines '<!-- tables"):
        camvid_page.run(options(tmp_path, "Mine"))
