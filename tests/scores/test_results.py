"""What a run finds, as columns: in the order of the App, and in parts."""

from __future__ import annotations

import numpy as np
from label_quality.plugin.scores.results import Columns, ResultRows


def test_quality_is_the_best_of_the_scores_and_comes_first() -> None:
    columns = Columns(("iou", "softmin"), ("heatmap", "fold"))
    assert columns.quality == "softmin"
    assert columns.suffixes() == ("quality", "iou", "softmin", "fold", "heatmap")
    assert Columns(others=("prediction",)).quality is None and Columns(others=("prediction",)).suffixes() == (
        "prediction",
    )


def test_parts_are_joined_in_order() -> None:
    def part(ids: list[str], first: float) -> ResultRows:
        values = first + np.arange(len(ids), dtype=float)
        table = np.stack([values, values], axis=1)
        return ResultRows(ids, {"iou": values}, {"fold": [None] * len(ids)}, {"ccp": table}, table.astype(np.int64))

    whole = ResultRows.joined([part(["a", "b"], 0.0), part([], 9.0), part(["c"], 2.0)])
    assert whole.ids == ["a", "b", "c"] and whole.others == {"fold": [None] * 3}
    np.testing.assert_array_equal(whole.scores["iou"], [0, 1, 2])
    np.testing.assert_array_equal(whole.per_class["ccp"], [[0, 0], [1, 1], [2, 2]])
    np.testing.assert_array_equal(whole.class_pixels, [[0, 0], [1, 1], [2, 2]])
    assert ResultRows.joined([ResultRows(["a"]), ResultRows(["b"])]) == ResultRows(["a", "b"])
