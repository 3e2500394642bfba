"""The notebook of the tour runs from top to bottom, and what it shows is as it says."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ..deletion import drop_datasets

TOUR = Path(__file__).parents[2] / "docs" / "tour.ipynb"
CELLS = json.loads(TOUR.read_text())["cells"]
CODE = ["".join(cell["source"]) for cell in CELLS if cell["cell_type"] == "code"]


@pytest.fixture
def in_a_folder(fiftyone: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    drop_datasets(["label-quality-tour"])


def shown(code: str, names: dict[str, Any]) -> Any:
    """Runs a cell as a notebook does; returns the value of its last line, where that is an expression."""
    body = ast.parse(code).body
    last = body.pop() if isinstance(body[-1], ast.Expr) else None
    exec(compile(ast.Module(body, []), TOUR.name, "exec"), names)
    return None if last is None else eval(compile(ast.Expression(last.value), TOUR.name, "eval"), names)


def test_it_is_kept_without_outputs_in_short_cells_with_prose() -> None:
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in CELLS if "outputs" in cell)
    assert max(len(code.splitlines()) for code in CODE) <= 12
    assert max(len(line) for code in CODE for line in code.splitlines()) <= 120
    assert len({cell["id"] for cell in CELLS}) == len(CELLS)
    kinds = [cell["cell_type"] for cell in CELLS]
    assert kinds[0] == "markdown" and kinds.count("markdown") >= kinds.count("code")


@pytest.mark.slow
def test_it_runs_and_its_clean_masks_are_cleaner(in_a_folder: Path) -> None:
    from PIL import Image

    names: dict[str, Any] = {}
    outputs = [shown(code, names) for code in CODE]
    planted = outputs[0]
    assert sum(number for kind, number in planted.items() if kind) == 6
    # Four of the worst six have a planted error, where a quarter of all have
    worst = [names["dataset"][one.sample_id]["planted_error"] for one in names["summary"].worst[:6]]
    assert sum(kind is not None for kind in worst) >= 4
    assert any(isinstance(one, Image.Image) for one in outputs)
    assert min(len(ids) for ids in names["found"].values()) > 0
    assert names["exported"].images == 24
    assert (in_a_folder / "label-quality-tour-clean" / "manifest.json").is_file()
    wrong = names["wrong"]
    assert 0 < wrong["lq_corrected"] < 0.7 * wrong["ground_truth"]
    change = names["change"]
    # What is left to find was mostly rejected
    assert change.new < change.rejected_before
    assert change.mean_change > 0 and change.suspects_after < change.suspects_before
    rise, fall = change.gained[0], change.lost[0]
    assert rise.after - rise.before > 0.3 > 0.1 > fall.before - fall.after
    left = outputs[-1]
    assert {"ground_truth", "exact_mask", "planted_error"} <= set(left)
    assert not [name for name in left if name.startswith(("lq", "after"))]
