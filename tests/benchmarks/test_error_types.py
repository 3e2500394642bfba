"""The benchmark of the types of error: its cuts, and its table of audits that are made up."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from label_quality.plugin.labels.class_table import ClassTable
from label_quality.plugin.scores.class_pair_evidence import UsualEvidence
from label_quality.plugin.store.run_folder import RunFolder

from benchmarks import error_types

TABLE = ClassTable.from_targets({0: "unlabelled", 1: "wall", 2: "door"})


def test_a_cut_leaves_a_part_of_one_object() -> None:
    labels = np.zeros((40, 60), np.int16)
    labels[5:25, 10:50], labels[30:, :30] = 1, 2
    for seed in range(20):
        cut = error_types.cut_object(labels, 0, np.random.default_rng(seed))
        assert cut is not None
        changed = cut != labels
        assert (cut[changed] == 0).all()
        (kind,) = np.unique(labels[changed])
        assert 0.35 <= changed.sum() / (labels == kind).sum() <= 0.85
    assert error_types.cut_object(np.zeros((40, 60), np.int16), 0, np.random.default_rng(0)) is None


def test_a_hole_is_within_one_object() -> None:
    labels = np.zeros((40, 60), np.int16)
    labels[5:35, 10:50] = 1
    for seed in range(20):
        pierced = error_types.pierce_object(labels, 0, np.random.default_rng(seed))
        assert pierced is not None and pierced.dtype == labels.dtype
        rows, columns = np.nonzero(pierced != labels)
        assert (pierced[rows, columns] == 0).all() and (labels[rows, columns] == 1).all()
        assert rows.min() > 5 and rows.max() < 34 and columns.min() > 10 and columns.max() < 49
        assert 15 <= np.ptp(rows) + 1 <= 28
    labels[labels == 1] = 0
    labels[10:12, 5:55] = 1
    assert error_types.pierce_object(labels, 0, np.random.default_rng(0)) is None


def make_audit(folder: Path) -> tuple[Path, Path]:
    """Two scenes with a wall that the predictions see; of the first, all is dropped. Masks, and the work folder."""
    masks, work = folder / "masks", folder / "work" / "benchmarks" / "true-1" / "errors_1"
    planted = work / "masks" / "drop-0a"
    for path in (masks, planted):
        path.mkdir(parents=True)
    mask = np.zeros((80, 120), np.uint8)
    mask[20:60, 20:100] = 1
    probabilities = np.full((3, 20, 30), 0.1, np.float32)
    probabilities[0], probabilities[:, 5:15, 5:25] = 0.8, np.array([0.1, 0.8, 0.1])[:, None, None]
    with RunFolder(work / "runs" / "lq-drop-0a-1" / "run_1") as run:
        store = run.open_scores("abc", {"class_table": TABLE.to_dict(), "config": {"pooling": 4}})
    for number, sample_id in enumerate("ab"):
        cv2.imwrite(str(masks / f"{number}.png"), mask)
        store.write_compact(sample_id, probabilities, np.zeros((20, 30), np.int16))
    cv2.imwrite(str(planted / "000000.png"), np.zeros_like(mask))
    (planted / "errors.json").write_text(json.dumps({"0": {}}))
    store.write_shard("scores", 0, {"ids": ["a", "b"]})
    store.write_shard("usual", 0, UsualEvidence(3).usual().to_dict())
    return masks, folder / "work"


def test_the_table_has_a_row_a_value(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    masks, work = make_audit(tmp_path)
    before = error_types.regions.NARROW
    found = error_types.run(argparse.Namespace(masks=masks, work=work, narrow=[0.25, 3.0], seed=51))
    assert found["errors"] == {"drop": 1, "swap": 0, "shift": 0, "part": 1, "hole": 1}
    # A whole object is a drop whatever is narrow; part and hole are wide, and only where nothing is too wide a shift
    assert found["right"] == [
        {"narrow": 0.25, "drop": 1.0, "part": 0.0, "hole": 0.0},
        {"narrow": 3.0, "drop": 1.0, "part": 1.0, "hole": 1.0},
    ]
    assert capsys.readouterr().out.splitlines()[2:] == [
        "| 0.25              | 1.000  | 0.000  | 0.000  |",
        "| 3                 | 1.000  | 1.000  | 1.000  |",
    ]
    assert before == error_types.regions.NARROW


def test_a_folder_without_audits_is_said(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="has no audits of 'python -m benchmarks errors --work"):
        error_types.run(argparse.Namespace(masks=tmp_path, work=tmp_path, narrow=[3.0], seed=51))
