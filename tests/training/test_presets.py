"""How long trainings are said to take, against what they have taken, and for sizes that are only calculated."""

from __future__ import annotations

import pytest
import torch
from label_quality.plugin.training.config import CrossValidation
from label_quality.plugin.training.presets import estimate_stages, speed


@pytest.mark.parametrize(("images", "folds", "seconds"), [(20, 5, 32), (40, 2, 12), (100, 5, 31)])
def test_training_of_small_datasets_takes_what_was_estimated(images: int, folds: int, seconds: float) -> None:
    """CPU seconds that training has taken on the demo's scenes of 240 × 320, with one thread a fold."""
    config = CrossValidation(preset="fast", folds=folds)
    estimated = estimate_stages(config, images, "cpu", (240, 320))["Training"] * speed(torch.device("cpu"))
    assert seconds / 2 < estimated < 2 * seconds


def test_training_is_estimated_by_the_least_steps_and_then_by_the_images() -> None:
    config = CrossValidation(preset="fast")
    *small, some, more, many = (
        estimate_stages(config, images, "cpu")["Training"] for images in (20, 40, 100, 200, 400, 2000)
    )
    assert set(small) == {small[0]}
    # Each fold learns from 160, 320 and 1,600 images: in epochs of three passes, of 100 batches of 8, and of one pass
    assert [some, more, many] == pytest.approx([small[0] * steps / 40 for steps in (60, 100, 200)])


def test_mirror_images_are_estimated_with_the_predictions() -> None:
    plain, mirrored = (estimate_stages(CrossValidation(preset="fast", mirror=one), 100, "cpu") for one in (False, True))
    encoded = plain["Encoding images"]
    assert mirrored == {**plain, "Predicting": pytest.approx(plain["Predicting"] + encoded)}
    paper = [estimate_stages(CrossValidation(preset="paper", mirror=one), 100, "cpu") for one in (False, True)]
    assert paper[0] == paper[1]
