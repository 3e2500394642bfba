from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from label_quality.plugin.base.errors import LabelQualityError, SampleError
from label_quality.plugin.base.types import Geometry
from label_quality.plugin.labels.class_mapping import NO_LOGIT
from label_quality.plugin.models.config import LITE0
from label_quality.plugin.models.encoders import CoarseSegmenter, FrozenEncoder, LogitWriter
from label_quality.plugin.models.weights import build_encoder, lite0_file

SMALL = "mobilenet_v2"

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A Hugging Face hub that cannot be reached and a cache without files."""
    import huggingface_hub.constants as constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))


def test_lite0_has_the_checkpoints_weights_bit_for_bit() -> None:
    checkpoint = list(torch.load(lite0_file(), weights_only=True).values())
    weights = list(build_encoder(LITE0, "imagenet").state_dict().values())
    assert len(weights) == len(checkpoint) - 8
    assert all(torch.equal(mine, theirs) for mine, theirs in zip(weights, checkpoint, strict=False))


def test_lite0_sees_pixels_between_minus_one_and_one() -> None:
    encoder = FrozenEncoder(LITE0, "imagenet")
    images = torch.randint(0, 256, (1, 3, 64, 96), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected = encoder.encoder(images.float() / 127.5 - 1)[2:]
    maps = encoder(images)
    assert [tuple(level.shape[1:]) for level in maps] == [(24, 16, 24), (40, 8, 12), (112, 4, 6), (320, 2, 3)]
    for level, wanted in zip(maps, expected, strict=True):
        torch.testing.assert_close(level, wanted, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_encoder_weights_come_from_a_file(tmp_path: Path, suffix: str) -> None:
    torch.manual_seed(0)
    source = build_encoder(SMALL, None).state_dict()
    path = tmp_path / f"weights{suffix}"
    if suffix == ".pt":
        # A whole model's checkpoint: the encoder's weights have a prefix, and others are there too
        content = {f"encoder.{name}": value for name, value in source.items()}
        torch.save({"state_dict": {**content, "decoder.weight": torch.zeros(2)}}, path)
    else:
        from safetensors.torch import save_file

        save_file({name: value.contiguous() for name, value in source.items()}, path)
    loaded = build_encoder(SMALL, str(path)).state_dict()
    assert all(torch.equal(loaded[name], value) for name, value in source.items())


def test_weights_of_another_encoder_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "resnet.pt"
    torch.save(build_encoder("resnet18", None).state_dict(), path)
    with pytest.raises(LabelQualityError, match=r"resnet\.pt do not fit encoder mobilenet_v2: of its 312 weights 312"):
        build_encoder(SMALL, str(path))


def test_a_weights_file_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        LabelQualityError, match=r"'imagenet', None or a file of weights, but there is no file .*no\.pt"
    ):
        build_encoder(SMALL, str(tmp_path / "no.pt"))


def test_a_weights_file_that_would_run_code_is_refused(tmp_path: Path) -> None:
    torch.save({"state_dict": {}, "hook": print}, tmp_path / "evil.pt")
    with pytest.raises(LabelQualityError, match="would run code"):
        build_encoder(SMALL, str(tmp_path / "evil.pt"))


@pytest.mark.usefixtures("offline")
def test_without_the_hub_the_message_says_what_to_do() -> None:
    with pytest.raises(LabelQualityError, match="se_resnext50_32x4d could not be fetched") as caught:
        CoarseSegmenter("FPN", "se_resnext50_32x4d", "imagenet", 3)
    for remedy in ("weights=FILE", "weights=None", f"encoder='{LITE0}'"):
        assert remedy in str(caught.value)


def test_an_unknown_encoder_or_architecture_is_named() -> None:
    with pytest.raises(LabelQualityError, match="cannot build encoder 'resnet19'"):
        build_encoder("resnet19", "imagenet")
    with pytest.raises(LabelQualityError, match=r"`architecture` to be one of Unet, .* but got 'VNet'"):
        CoarseSegmenter("VNet", SMALL, None, 3)


@pytest.mark.parametrize(("architecture", "stride"), [("DeepLabV3Plus", 4), ("FPN", 4), ("Unet", 1)])
def test_coarse_logits_upsample_to_what_the_smp_model_gives(architecture: str, stride: int) -> None:
    import segmentation_models_pytorch as smp

    model = CoarseSegmenter(architecture, SMALL, None, 3).eval()
    whole = smp.create_model(architecture, SMALL, encoder_weights=None, classes=3).eval()
    whole.load_state_dict(model.network.state_dict())
    images = torch.randint(0, 256, (1, 3, 64, 96), dtype=torch.uint8)
    with torch.inference_mode():
        assert model(images).shape == (1, 3, 64 // stride, 96 // stride)
        expected = whole(model.normalise(images))
        torch.testing.assert_close(model.upsampled(images), expected, rtol=1e-4, atol=1e-5)


def test_a_class_never_seen_gets_no_probability() -> None:
    logits = torch.tensor([2.0, 9.0, 1.0]).view(1, 3, 1, 1)
    place = Geometry((4, 4), (4, 3))
    (prediction,) = LogitWriter(np.array([True, False, True])).predictions(logits, [place])
    assert prediction.values.dtype == np.float16
    assert prediction.values.ravel().tolist() == [0.0, np.float16(NO_LOGIT), -1.0]
    assert (prediction.kind, prediction.geometry) == ("logits", place)


def test_logits_that_are_no_numbers_are_an_error() -> None:
    logits = torch.full((1, 2, 2, 2), float("nan"))
    with pytest.raises(SampleError, match="output is not a number"):
        LogitWriter(np.ones(2, bool)).predictions(logits, [Geometry((8, 8), (8, 8))])
