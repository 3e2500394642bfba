"""The benchmark of displaced edges: its table of an audit that is made up."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from label_quality.plugin.base.types import Geometry, Prediction
from label_quality.plugin.labels.class_table import ClassTable
from label_quality.plugin.passes.kept import pack_pairs
from label_quality.plugin.scores.class_pair_evidence import PairEvidence, UsualEvidence
from label_quality.plugin.store.run_folder import RunFolder

from benchmarks import displaced_edges

TABLE = ClassTable.from_targets({0: "floor", 1: "wall"})
COUNT, WRONG = 24, 5


def make_audit(folder: Path) -> argparse.Namespace:
    """Walls that begin at some column, seen right; one image is given two pixels too few. Nothing else tells it."""
    work = folder / "work" / "benchmarks" / "true-1" / "errors_1"
    planted = work / "masks" / "shift-0a"
    for path in (folder / "images", folder / "masks", planted):
        path.mkdir(parents=True)
    with RunFolder(work / "runs" / "lq-shift-0a-1" / "run_1") as run:
        store = run.open_scores("abc", {"class_table": TABLE.to_dict()})
        predictions = run.open_predictions("def", {})
    ids = [f"sample{number:02d}" for number in range(COUNT)]
    for number, sample_id in enumerate(ids):
        mask = np.zeros((40, 60), np.uint8)
        mask[:, 20 + number :] = 1
        cv2.imwrite(str(folder / "images" / f"{number:02d}.png"), 255 * mask)
        cv2.imwrite(str(folder / "masks" / f"{number:02d}.png"), mask)
        probabilities = np.stack([1 - mask, mask]).astype(np.float32) * 0.8 + 0.1
        predictions.write(sample_id, Prediction(probabilities, "probabilities", Geometry(mask.shape, mask.shape)))
    cv2.imwrite(str(planted / f"{WRONG:06d}.png"), np.roll(cv2.imread(f"{folder}/masks/05.png", -1), 2, axis=1))
    (planted / "errors.json").write_text(json.dumps({str(WRONG): {}}))
    pairs = pack_pairs([PairEvidence.none()] * COUNT)
    store.write_shard("scores", 0, {"ids": ids, "pairs": pairs, "scores": {"softmin": np.full(COUNT, 0.9)}})
    store.write_shard("usual", 0, UsualEvidence(2).usual().to_dict())
    return argparse.Namespace(images=folder / "images", masks=folder / "masks", work=folder / "work", ablate=True)


def test_the_table_has_a_row_a_variant(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = dict(vars(displaced_edges.edges))
    found = displaced_edges.run(make_audit(tmp_path))["auprc"]["shift un_1"]
    # Nothing contradicts a mask, so that all images are equal; the edges tell the one
    assert found["evidence"][0] == pytest.approx(1 / COUNT)
    assert found["edges"][0] == found["both"][0] == 1
    assert found["without pull"] == found["edges × 2"] == found["_REACH 0.1"] == 1
    # Of a class with 80 pixels of edge at least nothing would be known
    assert found["_LEAST_EDGE 40"] == 1 and found["_LONGEST_SIDE 1024"] == 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 + len(found) and lines[2].startswith("| evidence ") and "0.042" in lines[2]
    assert dict(vars(displaced_edges.edges)) == before


def test_a_folder_without_audits_is_said(tmp_path: Path) -> None:
    options = argparse.Namespace(images=tmp_path, masks=tmp_path, work=tmp_path, ablate=False)
    with pytest.raises(SystemExit, match="has no audits of 'python -m benchmarks errors --work"):
        displaced_edges.run(options)
