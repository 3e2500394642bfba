"""How much of two masks differs, and which mistake it is: planted errors are told apart again."""

from __future__ import annotations

import numpy as np
import pytest
from label_quality.plugin.benchmark.label_differences import Difference, compare_labels
from label_quality.plugin.benchmark.planted_errors import InjectionRules, inject_error
from label_quality.plugin.scenes.scenes import SCENE_CLASSES, render_scene

CLASSES = len(SCENE_CLASSES)


def test_the_share_is_of_the_pixels_that_take_part_in_both() -> None:
    given = np.array([[0, 1, -1, 1], [0, 1, 1, 1]], np.int16)
    truth = np.array([[0, 2, 2, -1], [0, 1, 1, 1]], np.int16)
    assert compare_labels(given, truth, 3, 0).share == 1 / 6
    assert compare_labels(given, given, 3, 0) == Difference(0.0, "none")
    ignored = np.full((2, 4), -1, np.int16)
    assert compare_labels(given, ignored, 3, 0) == Difference(0.0, "none")


def test_an_object_left_out_a_misnamed_one_and_a_moved_edge() -> None:
    truth = np.zeros((40, 60), np.int16)
    truth[20:] = 1
    truth[10:30, 20:40] = 2
    dropped, misnamed, moved = truth.copy(), truth.copy(), truth.copy()
    dropped[truth == 2] = 0
    misnamed[truth == 2] = 3
    moved[10:30, 38:40] = truth[10:30, 45:47]
    kinds = [compare_labels(given, truth, 4, 0).kind for given in (dropped, misnamed, moved)]
    assert kinds == ["drop", "swap", "shift"]
    assert compare_labels(dropped, truth, 4, None).kind == "other"


@pytest.mark.parametrize(("kind", "least"), [("drop", 0.95), ("swap", 0.9), ("shift", 0.9)])
def test_planted_errors_are_told_apart(kind: str, least: float) -> None:
    found = []
    for seed in range(40):
        labels = render_scene(seed, (120, 160))[1].astype(np.int16)
        planted = inject_error(labels, kind, seed, InjectionRules(unlabelled=0))
        if planted is not None:
            difference = compare_labels(planted[0], labels, CLASSES, 0)
            assert difference.share == pytest.approx(planted[1].pixels / labels.size)
            found.append(difference.kind == kind)
    assert len(found) > 30 and np.mean(found) >= least
