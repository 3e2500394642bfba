from __future__ import annotations

import pytest
import torch
from label_quality.plugin.base.errors import LabelQualityError
from label_quality.plugin.models.decoders import LightDecoder, SmpDecoder, build_decoder, known_architecture

CHANNELS = (5, 7, 9, 11)
STRIDES = (4, 8, 16, 32)

pytestmark = pytest.mark.usefixtures("one_thread")


def maps(height: int, width: int, images: int = 2) -> list[torch.Tensor]:
    pairs = zip(CHANNELS, STRIDES, strict=True)
    return [torch.randn(images, channels, height // stride, width // stride) for channels, stride in pairs]


@pytest.mark.parametrize("strides", [(4, 8, 16), (4, 16, 32)])
def test_the_decoder_works_on_the_finest_grid_and_on_inputs_of_one_cell(strides: tuple[int, ...]) -> None:
    decoder = LightDecoder([3, 5, 7], strides, classes=4, width=8)

    def pyramid(images: int, height: int, width: int) -> list[torch.Tensor]:
        cells = [strides[-1] // stride for stride in strides]
        return [torch.randn(images, c, height * by, width * by) for c, by in zip((3, 5, 7), cells, strict=True)]

    finest = strides[-1] // strides[0]
    assert decoder(pyramid(2, 2, 3)).shape == (2, 4, 2 * finest, 3 * finest)
    assert decoder.eval()(pyramid(1, 1, 1)).shape == (1, 4, finest, finest)


def test_logits_lie_on_the_cells_of_the_finest_map() -> None:
    """A decoder that passes the finest map on: where the second map is half as fine, as channels and back."""
    decoder = LightDecoder([1, 1], (4, 8), classes=1, width=4).eval()
    with torch.no_grad():
        decoder.lateral[0].weight.copy_(torch.eye(4, 5)[:, :, None, None])
        decoder.context.weight.zero_(), decoder.context.bias.zero_()
        decoder.mix[0][0].weight.zero_()[range(4), range(4), 1, 1] = 1
        decoder.classify.weight.copy_(torch.eye(4)[:, :, None, None])
        decoder.classify.bias.zero_()
    finest = torch.arange(24.0).reshape(1, 1, 4, 6)
    torch.testing.assert_close(decoder([finest, torch.zeros(1, 1, 2, 3)]), finest, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("architecture", ["DeepLabV3Plus", "FPN"])
def test_smp_decoders_work_on_the_finest_grid_and_on_inputs_of_one_cell(architecture: str) -> None:
    decoder = SmpDecoder(architecture, CHANNELS, classes=3)
    assert decoder(maps(64, 96)).shape == (2, 3, 16, 24)
    assert decoder(maps(32, 32)).shape == (2, 3, 8, 8)
    assert decoder.eval()(maps(32, 32, images=1)).shape == (1, 3, 8, 8)


@pytest.mark.parametrize("architecture", ["DeepLabV3Plus", "FPN"])
def test_smp_decoders_do_not_see_how_large_each_channel_is(architecture: str) -> None:
    decoder = SmpDecoder(architecture, CHANNELS, classes=3)
    values = maps(64, 64)
    scaled = [5 + level * torch.linspace(1, 100, level.shape[1]).view(1, -1, 1, 1) for level in values]
    torch.testing.assert_close(decoder(values), decoder(scaled), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(("architecture", "read"), [("DeepLabV3Plus", [4, 16, 32]), ("FPN", [4, 8, 16, 32])])
def test_smp_decoders_read_the_maps_of_these_strides(architecture: str, read: list[int]) -> None:
    values = [level.requires_grad_() for level in maps(64, 64)]
    SmpDecoder(architecture, CHANNELS, classes=3)(values).square().sum().backward()
    pairs = zip(STRIDES, values, strict=True)
    assert [stride for stride, level in pairs if level.grad is not None and level.grad.abs().sum() > 0] == read


@pytest.mark.parametrize("architecture", ["DeepLabV3Plus", "FPN"])
def test_smp_decoders_draw_nothing_at_random_when_they_run(architecture: str) -> None:
    decoder, values = SmpDecoder(architecture, CHANNELS, classes=3).train(), maps(64, 64)
    before = torch.get_rng_state()
    assert torch.equal(decoder(values), decoder(values))
    assert torch.equal(before, torch.get_rng_state())


def test_without_an_architecture_the_decoder_is_the_light_pyramid() -> None:
    assert type(build_decoder(None, CHANNELS, STRIDES, 3, "encoder")) is LightDecoder
    assert type(build_decoder(None, (4, 4), (14, 14), 3, "encoder")) is LightDecoder
    smp = build_decoder("FPN", CHANNELS, STRIDES, 3, "encoder")
    assert any(type(module).__name__ == "FPNDecoder" for module in smp.modules())


def test_maps_of_other_strides_are_refused() -> None:
    with pytest.raises(
        LabelQualityError, match=r"FPN needs feature maps of strides 4, 8, 16, 32, but those of .*'vit' have 14, 14"
    ):
        build_decoder("FPN", (4, 4), (14, 14), 3, "vit")


def test_architectures_are_known_in_upper_and_lower_case() -> None:
    assert known_architecture("deeplabv3plus") == "DeepLabV3Plus" and known_architecture("Fpn") == "FPN"
    with pytest.raises(LabelQualityError, match=r"to be DeepLabV3Plus or FPN with preset 'fast'.* but got 'Unet'"):
        known_architecture("Unet")
