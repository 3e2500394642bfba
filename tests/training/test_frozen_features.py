from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from label_quality.plugin.base.errors import LabelQualityError, SampleError
from label_quality.plugin.base.types import IGNORED, SampleInput
from label_quality.plugin.models.encoders import LogitWriter
from label_quality.plugin.models.resizing import fit_image, fit_labels, input_size, pad_image
from label_quality.plugin.models.tiled import predict_image_in_tiles, tile_boxes
from label_quality.plugin.pixels.resample import to_probabilities
from label_quality.plugin.suspects.appearance import CHANNELS
from label_quality.plugin.training.config import CrossValidation
from label_quality.plugin.training.cross_validation import resolve_preset
from label_quality.plugin.training.fine_tuning import FineTuning
from label_quality.plugin.training.frozen_features import FrozenFeatures
from label_quality.plugin.training.sample_cache import SampleCache
from torch import nn

CPU = torch.device("cpu")
SEEN = LogitWriter(np.ones(2, bool))

pytestmark = pytest.mark.usefixtures("one_thread")


def sample(image: np.ndarray, labels: np.ndarray, sample_id: str = "s") -> SampleInput:
    return SampleInput(sample_id, f"{sample_id}.png", lambda: labels, lambda: image)


def halves(height: int, width: int, border: int) -> tuple[np.ndarray, np.ndarray]:
    """A black and white image whose classes are its colours, white from column ``border`` on."""
    labels = np.zeros((height, width), np.int16)
    labels[:, border:] = 1
    return np.repeat((labels * 255).astype(np.uint8)[..., None], 3, axis=2), labels


def frozen(folder: Path, **params: object) -> FrozenFeatures:
    config = resolve_preset(CrossValidation.from_params({"preset": "fast", "device": "cpu", "weights": None, **params}))
    return FrozenFeatures(config, 2, SampleCache(folder), CPU)


def tuning(folder: Path, **params: object) -> FineTuning:
    params = {"preset": "paper", "device": "cpu", "weights": None, "encoder": "mobilenet_v2", **params}
    return FineTuning(resolve_preset(CrossValidation.from_params(params)), 2, SampleCache(folder), CPU)


class ShowsBrightness(nn.Module):
    """An encoder whose one map is the mean colour of each 4×4 block, in [-1, 1]."""

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        return [nn.functional.avg_pool2d(images.float(), 4) / 127.5 - 1]


class KnowsBrightness(nn.Module):
    """Logits of black and white from that map."""

    def forward(self, maps: list[torch.Tensor]) -> torch.Tensor:
        return torch.cat([-20 * maps[0][:, :1], 20 * maps[0][:, :1]], dim=1)


def test_images_keep_their_shape_at_the_size_asked_for() -> None:
    assert input_size((360, 480), 384) == (288, 384)
    assert input_size((100, 30), 200) == (200, 60)
    assert input_size((500, 2), 100) == (100, 1)
    assert input_size((2000, 1000), None, 1024) == (1024, 512)
    assert input_size((200, 100), None, 1024) == (200, 100)


def test_labels_are_never_mixed() -> None:
    labels = np.array([[0, 9], [IGNORED, 4]], np.int16)
    assert fit_labels(labels, (4, 4)).tolist() == np.repeat(np.repeat(labels, 2, 0), 2, 1).tolist()
    rng = np.random.default_rng(0)
    assert set(np.unique(fit_labels(rng.choice([2, 7], (50, 70)).astype(np.int16), (13, 17)))) == {2, 7}


def test_padding_repeats_the_bottom_and_right_edge() -> None:
    image = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    padded = pad_image(image, 4)
    assert padded.shape == (4, 4, 3) and (padded[:2, :3] == image).all()
    assert (padded[2:, :3] == image[1]).all() and (padded[:2, 3] == image[:, 2]).all()


def test_cached_features_are_the_encoders_at_half_precision(tmp_path: Path) -> None:
    preset = frozen(tmp_path, input_size=64)
    image, labels = halves(50, 70, 20)
    preset.encode(sample(image, labels), image, labels)
    (item,) = preset.cache.summary("s").items
    piece = preset.cache.read(item)
    padded = pad_image(fit_image(image, (46, 64)), 32)
    expected = preset.encoder(torch.from_numpy(padded).permute(2, 0, 1)[None])
    assert (piece["valid"], piece["padded"]) == ([46, 64], [64, 64])
    for level, wanted in zip(piece["maps"], expected, strict=True):
        assert level.dtype == np.float16
        torch.testing.assert_close(torch.from_numpy(level), wanted[0].half())
    assert item.size == (16, 16) and preset.cache.summary("s").classes == (0, 1)
    # 46 rows are 12 cells, the last of 2 rows; the rest is padding
    assert (piece["labels"][12:] == IGNORED).all() and (piece["labels"][:12] != IGNORED).all()


@pytest.mark.parametrize("size", [(64, 96), (37, 53), (53, 37), (30, 97)])
@pytest.mark.parametrize("longest", [96, 150])
def test_predictions_lie_on_their_pixels_up_to_the_edges(tmp_path: Path, size: tuple[int, int], longest: int) -> None:
    preset = frozen(tmp_path, input_size=longest)
    preset.__dict__["encoder"] = ShowsBrightness()
    border = size[1] - 9
    image, labels = halves(*size, border)
    preset.encode(sample(image, labels), image, labels)
    (prediction,) = preset.predict(KnowsBrightness(), [sample(image, labels)], SEEN)
    assert prediction.values.dtype == np.float16 and prediction.geometry.valid == input_size(size, longest)
    probabilities = to_probabilities(prediction, size)
    away = np.abs(np.arange(size[1]) - (border - 0.5)) > 4
    assert (probabilities.argmax(0) == labels)[:, away].all()
    # The border itself is found to within a pixel
    assert abs(int((probabilities[1] < 0.5).sum(1).mean()) - border) <= 1


def test_pieces_of_other_sizes_in_a_batch_are_ignored_beyond_their_edge(tmp_path: Path) -> None:
    preset = frozen(tmp_path, input_size=96)
    for name, size in (("wide", (60, 96)), ("tall", (96, 40))):
        image, labels = halves(*size, 20)
        preset.encode(sample(image, labels, name), image, labels)
    items = [preset.cache.summary(name).items[0] for name in ("wide", "tall")]
    batch = preset.batch(items, None)
    assert batch.labels.shape == (2, 24, 24)
    for position, item in enumerate(items):
        alone = preset.batch([item], None)
        height, width = item.size
        assert torch.equal(batch.labels[position, :height, :width], alone.labels[0])
        assert (batch.labels[position, height:] == IGNORED).all() and (
            batch.labels[position, :, width:] == IGNORED
        ).all()
        assert torch.equal(batch.inputs[0][position, :, :height, :width], alone.inputs[0][0])


class Pyramid(nn.Module):
    """An encoder with two maps that show where each cell lies: row and column at strides 4 and 32."""

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        rows, columns = (torch.arange(side, dtype=torch.float32) for side in images.shape[2:])
        places = torch.stack(torch.meshgrid(rows, columns, indexing="ij"))[None]
        return [nn.functional.avg_pool2d(places, 4), nn.functional.avg_pool2d(places, 32)]


def test_windows_cut_all_maps_and_the_labels_at_one_place(tmp_path: Path) -> None:
    preset = frozen(tmp_path, input_size=384)
    preset.__dict__["encoder"] = Pyramid()
    image, labels = halves(288, 384, 192)
    preset.encode(sample(image, labels), image, labels)
    (item,) = preset.cache.summary("s").items
    places = set()
    for seed in range(20):
        batch = preset.batch([item, item], np.random.default_rng(seed))
        fine, coarse = batch.inputs
        assert batch.labels.shape == (2, 40, 48) and fine.shape == (2, 2, 40, 48) and coarse.shape == (2, 2, 5, 6)
        assert torch.equal(nn.functional.avg_pool2d(fine, 8), coarse)
        assert torch.equal(batch.labels, (fine[:, 1] > 192).to(torch.int16))
        places.add((float(fine[0, 0, 0, 0]), float(fine[0, 1, 0, 0])))
    assert len(places) > 10
    # What training is stopped by is the same in every epoch
    assert torch.equal(preset.batch([item], None).inputs[0], preset.batch([item], None).inputs[0])


def test_windows_have_a_label_where_few_pixels_have_one(tmp_path: Path) -> None:
    preset = frozen(tmp_path, input_size=384)
    preset.__dict__["encoder"] = Pyramid()
    image, labels = halves(288, 384, 192)
    labels[:, 100:] = IGNORED
    preset.encode(sample(image, labels), image, labels)
    (item,) = preset.cache.summary("s").items
    for seed in range(20):
        assert (preset.batch([item], np.random.default_rng(seed)).labels != IGNORED).any()


def test_predictions_do_not_depend_on_the_batch(tmp_path: Path) -> None:
    preset = frozen(tmp_path, input_size=64)
    torch.manual_seed(0)
    model = preset.build(pretrained=True).eval()
    samples = []
    for number in range(3):
        image, labels = halves(64, 64, 10 + 20 * number)
        samples.append(sample(image, labels, str(number)))
        preset.encode(samples[-1], image, labels)
    together = preset.predict(model, samples, SEEN)
    for one, prediction in zip(samples, together, strict=True):
        (alone,) = preset.predict(model, [one], SEEN)
        np.testing.assert_allclose(alone.values, prediction.values, atol=2e-3)


@pytest.mark.parametrize("tile", [None, 64])
def test_mirrored_predictions_are_the_mean_over_the_image_and_its_mirror_image(
    tmp_path: Path, tile: int | None
) -> None:
    # As wide as the encoder's multiple, so that the mirror image is padded like the image
    rng = np.random.default_rng(0)
    image, labels = rng.integers(0, 256, (50, 64, 3), np.uint8), np.zeros((50, 64), np.int16)
    preset = frozen(tmp_path, tile=tile, input_size=None if tile else 64)
    model = preset.build(pretrained=True).eval()
    facing = {"s": sample(image, labels), "m": sample(np.ascontiguousarray(image[:, ::-1]), labels, "m")}
    for one in facing.values():
        preset.encode(one, one.load_image(), labels)
    plain, other = (
        to_probabilities(preset.predict(model, [one], SEEN)[0], labels.shape) for one in (facing["s"], facing["m"])
    )
    (prediction,) = preset.predict(model, [facing["s"]], SEEN, mirrored=True)
    found = to_probabilities(prediction, labels.shape)
    np.testing.assert_allclose(found, (plain + other[:, :, ::-1]) / 2, atol=5e-3)
    assert np.abs(found - plain).max() > 0.02


@pytest.mark.parametrize("tile", [None, 64])
@pytest.mark.parametrize("size", [(64, 96), (37, 53), (53, 37), (100, 130)])
def test_mirrored_predictions_lie_on_their_pixels(tmp_path: Path, size: tuple[int, int], tile: int | None) -> None:
    preset = frozen(tmp_path, tile=tile, input_size=None if tile else 96)
    preset.__dict__["encoder"] = ShowsBrightness()
    border = size[1] - 9
    image, labels = halves(*size, border)
    preset.encode(sample(image, labels), image, labels)
    (prediction,) = preset.predict(KnowsBrightness(), [sample(image, labels)], SEEN, mirrored=True)
    probabilities = to_probabilities(prediction, size)
    away = np.abs(np.arange(size[1]) - (border - 0.5)) > 4
    assert (probabilities.argmax(0) == labels)[:, away].all()
    assert abs(int((probabilities[1] < 0.5).sum(1).mean()) - border) <= 1


def test_predictions_have_what_the_encoder_sees_unless_it_is_random(tmp_path: Path) -> None:
    preset = frozen(tmp_path, input_size=64)
    model = preset.build(pretrained=True).eval()
    image, labels = halves(50, 64, 20)
    one = sample(image, labels)
    preset.encode(one, image, labels)
    (random,) = preset.predict(model, [one], SEEN)
    assert random.appearance is None
    preset.config = replace(preset.config, weights="imagenet")
    (prediction,) = preset.predict(model, [one], SEEN)
    looks = prediction.appearance
    assert looks is not None and looks.values.shape == (CHANNELS, 4, 4) and looks.extent == (50 / 16, 4)
    # Black and white look different, black and black alike
    black, other, white = (looks.values[:, 1, column] for column in (0, 0, 3))
    assert np.linalg.norm(black - white) > 0 and (black == other).all()
    assert (prediction.values == random.values).all()


def test_what_tiles_look_like_is_that_of_the_image(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    image, labels = rng.integers(0, 256, (128, 192, 3), np.uint8), halves(128, 192, 80)[1]
    looks = []
    for folder, parameters in (("whole", {"input_size": 192}), ("tiles", {"tile": 64})):
        preset = frozen(tmp_path / folder, **parameters)
        preset.encode(sample(image, labels), image, labels)
        model = preset.build(pretrained=True).eval()
        preset.config = replace(preset.config, weights="imagenet")
        (prediction,) = preset.predict(model, [sample(image, labels)], SEEN)
        looks.append(prediction.appearance)
    whole, tiles = looks
    assert tiles is not None and whole is not None
    assert tiles.extent == whole.extent == (8, 12) and tiles.values.shape == whole.values.shape
    assert (tiles.values[0] != 0).all()


def test_images_for_full_training_are_kept_at_their_own_size_up_to_a_limit(tmp_path: Path) -> None:
    image, labels = halves(20, 2048, 1000)
    preset = tuning(tmp_path)
    preset.encode(sample(image, labels), image, labels)
    assert preset.cache.summary("s").items[0].size == (10, 1024)
    image, labels = halves(37, 53, 20)
    preset.encode(sample(image, labels, "small"), image, labels)
    (item,) = preset.cache.summary("small").items
    assert (preset.cache.read(item)["image"] == image).all()
    batch = preset.batch([item], None)
    assert batch.inputs[0].shape == (1, 3, 64, 64)
    assert (batch.labels[0, :37, :53].numpy() == labels).all() and (batch.labels[0, 37:] == IGNORED).all()


def test_full_training_predicts_at_the_heads_resolution(tmp_path: Path) -> None:
    preset = tuning(tmp_path, architecture="FPN")
    image, labels = halves(37, 53, 20)
    preset.encode(sample(image, labels), image, labels)
    model = preset.build(pretrained=True).eval()
    (prediction,) = preset.predict(model, [sample(image, labels)], SEEN)
    assert prediction.values.shape == (2, 16, 16)
    assert (prediction.geometry.input_size, prediction.geometry.valid) == ((64, 64), (37, 53))
    assert prediction.geometry.align_corners
    padded = torch.from_numpy(pad_image(image, 32)).permute(2, 0, 1)[None]
    with torch.inference_mode():
        whole = model.upsampled(padded)[0, :, :37, :53].softmax(0).numpy()
    np.testing.assert_allclose(to_probabilities(prediction, (37, 53)), whole, atol=2e-3)


def test_tiles_for_training_cover_the_image() -> None:
    covered = np.zeros((150, 90), int)
    for box in tile_boxes((150, 90), 64):
        assert covered[box].shape == (64, 64)
        covered[box] += 1
    assert covered.min() == 1
    assert tile_boxes((150, 90), None) == [(slice(None), slice(None))]


def test_tiled_predictions_have_no_seams_and_lie_on_their_pixels() -> None:
    image, labels = halves(150, 170, 101)

    def logits(images: torch.Tensor) -> torch.Tensor:
        bright = images[:, :1].float() / 127.5 - 1
        return torch.cat([-9 * bright, 9 * bright], dim=1)

    prediction = predict_image_in_tiles(logits, image, 70, SEEN)
    assert (prediction.values.dtype, prediction.kind) == (np.dtype(np.uint8), "probabilities")
    assert prediction.values.shape == (2, 150, 170)
    assert (prediction.values[0] == np.where(labels == 0, 255, 0)).all()


def test_tiled_predictions_that_are_no_numbers_are_an_error() -> None:
    def logits(images: torch.Tensor) -> torch.Tensor:
        return torch.full((len(images), 2, *images.shape[2:]), float("nan"))

    with pytest.raises(SampleError, match="output is not a number"):
        predict_image_in_tiles(logits, np.zeros((90, 80, 3), np.uint8), 70, SEEN)


def test_frozen_features_are_cached_by_tile_and_predicted_from_the_image(tmp_path: Path) -> None:
    preset = frozen(tmp_path, tile=64)
    preset.__dict__["encoder"] = ShowsBrightness()
    image, labels = halves(100, 130, 60)
    preset.encode(sample(image, labels), image, labels)
    assert len(preset.cache.summary("s").items) == 6
    (prediction,) = preset.predict(KnowsBrightness(), [sample(image, labels)], SEEN)
    assert prediction.values.shape == (2, 100, 130)
    assert (prediction.values.argmax(0) == labels)[:, np.abs(np.arange(130) - 59.5) > 4].all()


def test_a_sample_counts_as_stored_only_when_all_of_it_is(tmp_path: Path) -> None:
    cache = SampleCache(tmp_path / "features")
    labels = np.array([[IGNORED, 3], [3, 5]], np.int16)

    with pytest.raises(TypeError):  # what a kill or a full disk does between the pieces
        cache.write("s", [{"labels": labels}, {"labels": labels, "maps": object()}], labels)
    assert not cache.has("s")
    cache.write("s", [{"labels": labels}, {"labels": np.full((1, 2), IGNORED, np.int16)}], labels)
    found = cache.summary("s")
    assert cache.has("s") and found.classes == (3, 5)
    assert [(item.size, item.labelled) for item in found.items] == [((2, 2), True), ((1, 2), False)]
    (tmp_path / "features" / "s-0.piece").write_bytes(b"half")
    with pytest.raises(SampleError, match=r"sample s.*damaged"):
        cache.read(found.items[0])
    cache.clear()
    assert not (tmp_path / "features").exists()


def test_pieces_stay_in_memory_as_far_as_there_is_room(tmp_path: Path) -> None:
    labels = np.zeros((10, 10), np.int16)
    cache = SampleCache(tmp_path / "features", memory=500)
    items = []
    for name in "abc":
        cache.write(name, [{"labels": labels, "maps": [labels.astype(np.uint8)]}], labels)
        items += cache.summary(name).items
    first = cache.read(items[0])
    assert cache.read(items[0]) is first
    # 300 of 500 bytes are taken, so there is no room for another
    assert cache.read(items[1]) is not cache.read(items[1])
    assert (cache.read(items[2])["labels"] == labels).all()
    cache.clear()
    cache.write("b", [{"labels": labels, "maps": []}], labels)
    with pytest.raises(SampleError, match="missing"):
        cache.read(items[0])
    assert cache.read(items[1]) is cache.read(items[1])


def test_a_network_that_cannot_be_built_is_known_before_images_are_read(tmp_path: Path) -> None:
    with pytest.raises(LabelQualityError, match="no file"):
        frozen(tmp_path, weights="/no/such/file.pt").check()
