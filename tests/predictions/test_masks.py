"""Predicted classes as mask files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from label_quality.plugin.labels.class_table import ClassTable
from label_quality.plugin.labels.images import read_mask
from label_quality.plugin.predictions.masks import write_predicted_mask
from label_quality.plugin.store.run_folder import RunFolder


@pytest.mark.parametrize(("ignored", "nothing"), [((), 255), ((300, 255), 255), ((-9999, 70000), 255), ((7,), 7)])
def test_where_no_class_is_predicted_is_a_value_that_a_file_has_and_no_class(
    tmp_path: Path, ignored: tuple[int, ...], nothing: int
) -> None:
    table = ClassTable.from_targets({0: "road", 1: "car"}, ignored=ignored)
    with RunFolder(tmp_path / "run") as folder:
        store = folder.open_scores("0")
        write_predicted_mask(store, "a", np.array([[-1, 0, 1]], np.int16), table)
        assert read_mask(store.file("masks", "a")).tolist() == [[nothing, 0, 1]]
