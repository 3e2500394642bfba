"""The demo's scenes: reproducible, complete, exact."""

from __future__ import annotations

import time

import numpy as np
import pytest
from label_quality.plugin.scenes.scenes import PEDESTRIAN, SCENE_CLASSES, SKY, render_scene


@pytest.fixture(scope="module")
def scenes() -> list[tuple[np.ndarray, np.ndarray]]:
    return [render_scene(seed) for seed in range(30)]


def test_a_scene_is_an_image_and_a_mask_of_known_classes(scenes):
    for image, mask in scenes:
        assert (image.shape, image.dtype) == ((240, 320, 3), np.uint8)
        assert (mask.shape, mask.dtype) == ((240, 320), np.uint8)
        assert set(np.unique(mask)) <= set(SCENE_CLASSES)


def test_the_seed_alone_decides(scenes):
    image, mask = render_scene(4)
    assert (image == scenes[4][0]).all()
    assert (mask == scenes[4][1]).all()
    assert (mask != scenes[5][1]).mean() > 0.1


def test_every_class_shows_in_many_scenes(scenes):
    shown = {value: sum(bool((mask == value).any()) for _, mask in scenes) for value in SCENE_CLASSES}
    assert min(shown.values()) >= 15, shown
    shares = np.bincount(np.concatenate([mask.ravel() for _, mask in scenes]), minlength=10) / (30 * 240 * 320)
    assert shares.max() < 0.5
    assert shares[PEDESTRIAN] < 0.05


def test_light_varies_and_pictures_are_well_exposed(scenes):
    means = np.array([image.mean() for image, _ in scenes])
    assert np.ptp(means) > 25
    assert 50 < means.min() < means.max() < 220


def test_mask_edges_lie_on_image_edges():
    """Where the mask changes from sky to something else, the image changes more than within the sky."""
    across, within = [], []
    for seed in range(10):
        image, mask = render_scene(seed)
        step = np.abs(np.diff(image.astype(int).mean(axis=2), axis=0))
        sky = mask == SKY
        across.append(step[sky[:-1] & ~sky[1:]])
        within.append(step[sky[:-1] & sky[1:]])
    assert np.concatenate(across).mean() > 3 * np.concatenate(within).mean()


@pytest.mark.parametrize("size", [(64, 64), (121, 333), (480, 640)])
def test_other_sizes(size):
    image, mask = render_scene(1, size)
    assert image.shape == (*size, 3)
    assert mask.shape == size
    assert len(np.unique(mask)) >= 5


def test_scenes_are_fast():
    start = time.process_time()
    for seed in range(100, 110):
        render_scene(seed)
    assert (time.process_time() - start) / 10 < 0.25
