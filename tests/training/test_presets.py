"""How long trainings are said to take, against what they have taken, and for sizes that are only calculated."""

from __future__ import annotations

import pytest
import torch
from label_quality.plugin.training import presets
from label_quality.plugin.training.config import CrossValidation
from label_quality.plugin.training.presets import estimate_stages, speed


@pytest.mark.parametrize(("images", "folds", "seconds"), [(20, 5, 32), (40, 2, 12), (100, 5, 31)])
def test_training_of_small_datasets_takes_what_was_estimated(images: int, folds: int, seconds: float) -> None:
    """CPU seconds that training has taken on the demo's scenes of 240 × 320, with one thread a fold."""
    config = CrossValidation(preset="fast", folds=folds)
    estimated = estimate_stages(config, images, "cpu", (240, 320))["Training"] * speed(torch.device("cpu"))
    assert seconds / 2 < estimated < 2 * seconds


@pytest.mark.parametrize(
    ("images", "seconds"), [(200, (2.2, 14.7, 2.8)), (600, (6.7, 25.7, 8.4)), (2000, (22.9, 61.7, 27.5))]
)
def test_larger_datasets_take_what_was_estimated(
    images: int, seconds: tuple[float, float, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seconds that each stage has taken on generated scenes of 240 × 320, on two cores, with ONNX Runtime."""
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    monkeypatch.setattr(presets, "can_export", lambda: True)
    estimated = estimate_stages(CrossValidation(preset="fast"), images, "cpu", (240, 320))
    assert list(estimated) == ["Encoding images", "Training", "Predicting"]
    for stage, taken in zip(estimated.values(), seconds, strict=True):
        assert taken / 2 < stage < 2 * taken


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
