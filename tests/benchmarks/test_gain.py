"""The benchmark of what clean masks are worth: the reviewer that it simulates, and its table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.gain import _most, print_gain


def test_the_reviewer_says_what_is_true_at_most_of_the_pixels(tmp_path: Path, fiftyone: Any) -> None:
    true = np.zeros((10, 20), np.int16)
    true[2:6, 5:9] = 2
    true[2:6, 9] = -1
    # 4 × 5 pixels at (5, 2): of those in the region 12 are of class 2, 2 of class 0, and 4 are not known
    inside = np.full((4, 6), 255, np.uint8)
    inside[0, :4] = 0
    inside[2:, 5] = 0
    cv2.imwrite(str(tmp_path / "region.png"), inside)
    box = [5 / 20, 2 / 10, 6 / 20, 4 / 10]
    region = fiftyone.Detection(label="car", bounding_box=box, mask_path=str(tmp_path / "region.png"))
    assert _most(true, region, fiftyone) == 2
    true[2:6, 5:8] = 1
    assert _most(true, region, fiftyone) == 1


def test_the_table_has_intervals_and_signs(capsys: Any) -> None:
    measure = {"value": 0.5, "low": 0.4, "high": 0.6}
    given = {"masks": "given", "changed": 0.0, "miou": measure, "miou_gain": None, "accuracy": measure}
    clean = {**given, "masks": "clean", "changed": 0.0125, "miou_gain": measure, "accuracy_gain": measure}
    scores = [{**given, "accuracy_gain": None}, clean]
    print_gain({"suspects": 7, "confirmed": 5, "rejected": 2, "gain": {"scores": scores}})
    out = capsys.readouterr().out
    assert "7 suspects, 5 confirmed, 2 rejected" in out
    assert "1.25%" in out and "+0.5000 (+0.4000 to +0.6000)" in out and "0.5000 (0.4000 to 0.6000)" in out
