"""The mean over an image and its mirror image, and where there is none."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from label_quality.plugin.base.types import SampleInput
from label_quality.plugin.models.encoders import LogitWriter
from label_quality.plugin.training.config import CrossValidation
from label_quality.plugin.training.cross_validation import resolve_preset
from label_quality.plugin.training.fold_work import FoldWork
from label_quality.plugin.training.mirroring import mean_logits, tells_left_from_right


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        *(("left lung", True), ("LeftLung", True), ("lung_right", True), ("RIGHT-HAND", True), ("righthand", True)),
        *(("lung", False), ("bright", False), ("cleft", False), ("aleft2", False), ("", False), ("übrig", False)),
    ],
)
def test_classes_that_are_others_in_a_mirror_image_are_told_by_their_names(name: str, expected: bool) -> None:
    assert tells_left_from_right(name) is expected


def test_the_mean_is_of_probabilities_of_classes_that_were_seen() -> None:
    rng = np.random.default_rng(0)
    first, second = (torch.from_numpy(rng.normal(0, 3, (2, 3, 4, 5)).astype(np.float32)) for _ in range(2))
    writer = LogitWriter(np.array([True, True, False]))
    found = mean_logits(first, second, writer).softmax(1)
    expected = (first[:, :2].softmax(1) + second[:, :2].softmax(1)) / 2
    torch.testing.assert_close(found[:, :2], expected)
    assert (found[:, 2] == 0).all()


def test_certain_predictions_that_agree_stay_finite() -> None:
    logits = torch.tensor([800.0, -800.0]).view(1, 2, 1, 1)
    found = LogitWriter(np.ones(2, bool)).masked(mean_logits(logits, logits, LogitWriter(np.ones(2, bool))))
    assert found.flatten().tolist() == [0, -1e4]


@pytest.mark.parametrize("sided", [False, True])
def test_whole_networks_learn_from_mirror_images_unless_classes_have_sides(tmp_path: Path, sided: bool) -> None:
    config = CrossValidation(preset="paper", encoder="mobilenet_v2", weights=None, device="cpu")
    work = pickle.loads(pickle.dumps(FoldWork(resolve_preset(config), 2, tmp_path, None, False, sided)))
    labels = np.zeros((40, 60), np.int16)
    labels[:, 25:] = 1
    image = np.repeat((labels * 255).astype(np.uint8)[..., None], 3, axis=2)
    items = work.encode(SampleInput("s", "s.png", lambda: labels, lambda: image)).items
    pieces = work.preset.batch(items * 40, np.random.default_rng(0)).labels.numpy()
    facing = {np.sign(np.diff(row[row >= 0])).sum() for row in pieces[:, 0]}
    assert facing - {0} == ({1} if sided else {1, -1})
