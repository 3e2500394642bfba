"""The benchmark of the lint: on generated masks it finds what it plants, and counts what corrections have changed."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from benchmarks.lint import add_arguments, run

from ..lint.masks import NAMES, clean_masks, photo


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """40 masks, of which the third has a hole that is filled in the corrected ones, and the fourth one that is not."""
    for name in ("images", "masks", "corrected"):
        (tmp_path / name).mkdir()
    for index, mask in enumerate(clean_masks(40)):
        name = f"{index:03d}.png"
        cv2.imwrite(str(tmp_path / "images" / name), photo(mask, index))
        corrected = mask.copy()
        if index in (3, 4):
            mask[8:10, 80:82] = 2
        if index == 4:
            corrected = mask.copy()
            corrected[10:30, 20:30] = 3
        cv2.imwrite(str(tmp_path / "masks" / name), mask)
        cv2.imwrite(str(tmp_path / "corrected" / name), corrected)
    (tmp_path / "classes.json").write_text(json.dumps({value: name for value, name in NAMES.items() if value < 5}))
    return tmp_path


def test_the_benchmark_finds_what_it_plants(folder: Path, capsys: Any) -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    before = {path: path.read_bytes() for path in folder.rglob("*.png")}
    found = run(parser.parse_args(["--camvid", str(folder), "--nuclei", str(folder), "--plants", "2"]))
    assert {path: path.read_bytes() for path in folder.rglob("*.png")} == before
    assert found["as_they_are"]["CamVid"]["masks"] == 40 and found["as_they_are"]["CamVid"]["hole"] == 2
    assert found["corrected"]["hole"] == {"findings": 2, "changed": 1, "images": 2, "wrong_images": 1}
    assert found["corrected"]["all images"]["wrong_images"] == 1
    planted = found["planted"]["CamVid"]
    certain = ("frame", "unknown_value", "duplicate", "size", "empty", "unreadable", "missing")
    assert {kind: (planted[kind]["planted"], planted[kind]["found"]) for kind in certain} == dict.fromkeys(
        certain, (2, 2)
    )
    assert (planted["rare_class"]["planted"], planted["rare_class"]["found"]) == (1, 1)
    assert all(planted[kind]["new"] == 0 for kind in ("stray", "hole", "frame", "unknown_value", "unreadable"))
    out = capsys.readouterr().out
    assert "What is found of errors that are planted in nuclei" in out and "of them wrong" in out


def test_shares_of_what_is_usual_are_compared(folder: Path, capsys: Any) -> None:
    for path in sorted((folder / "masks").iterdir())[:30]:
        mask = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        # A speck of sky in the road
        mask[112:114, 20:22] = 1
        cv2.imwrite(str(path), mask)
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    given = ["--camvid", str(folder), "--plants", "2", "--usual-share", "0.1", "1"]
    few, all_of_them = run(parser.parse_args(given))["usual_shares"]
    assert (few["usual_share"], few["found"]["hole"]) == (0.1, 2)
    assert (all_of_them["usual_share"], all_of_them["found"]["hole"]) == (1.0, 32)
    assert {*few["planted"]} == {"stray", "hole", "sliver", "gap"}
    assert "Findings in CamVid, and found of the planted ones" in capsys.readouterr().out


def test_plants_change_what_they_say_and_no_more() -> None:
    from benchmarks.lint_plants import PLANTS, Known

    known, rng = Known((1, 2, 3, 4), 0, 5, 77), np.random.default_rng(0)
    for kind, plant in PLANTS.items():
        made = 0
        for mask in clean_masks(6):
            changed = mask.copy()
            box = plant(changed, known, rng)
            if box is None:
                assert (changed == mask).all()
                continue
            made += 1
            rows, columns = np.nonzero(changed != mask)
            left, top, width, height = box
            assert left <= columns.min() and columns.max() < left + width, kind
            assert top <= rows.min() and rows.max() < top + height, kind
        assert made, kind
