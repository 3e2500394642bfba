"""The frozen encoder in ONNX Runtime, against itself in PyTorch."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from label_quality.plugin.models import exported as module
from label_quality.plugin.models.config import LITE0
from label_quality.plugin.models.encoders import FrozenEncoder
from label_quality.plugin.models.exported import ExportedEncoder, can_export, exported
from torch import nn

SMALL = "mobilenet_v2"

pytestmark = pytest.mark.usefixtures("one_thread")


def images(height: int, width: int, seed: int = 1, number: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (number, 3, height, width), dtype=torch.uint8, generator=generator)


def made(encoder: FrozenEncoder) -> ExportedEncoder:
    result = exported(encoder)
    assert result is not None
    return result


@pytest.mark.parametrize(("name", "weights"), [(LITE0, "imagenet"), (SMALL, None), ("mit_b0", None)])
def test_the_features_are_those_of_pytorch_at_any_size(name: str, weights: str | None) -> None:
    encoder = FrozenEncoder(name, weights)
    fast = made(encoder)
    for shown in (images(64, 96), images(96, 64), images(288, 384), images(32, 160, number=3)):
        maps = fast(shown)
        wanted = encoder(shown)
        assert len(maps) == len(wanted)
        for level, right in zip(maps, wanted, strict=True):
            assert level.dtype == torch.float32 and level.is_contiguous(memory_format=torch.channels_last)
            assert level.shape == right.shape
            assert (level - right).abs().max() < 1e-5 * right.abs().max()


def test_threads_at_once_get_the_same_bits() -> None:
    fast = made(FrozenEncoder(LITE0, "imagenet"))
    shown = [images(64, 96 + 32 * (number % 3), seed=number) for number in range(24)]
    alone = [fast(one) for one in shown]
    with ThreadPoolExecutor(4) as pool:
        for maps, wanted in zip(pool.map(fast, shown), alone, strict=True):
            assert all(torch.equal(*pair) for pair in zip(maps, wanted, strict=True))


def test_the_same_weights_are_exported_once() -> None:
    torch.manual_seed(0)
    first, second = FrozenEncoder(SMALL, None), FrozenEncoder(SMALL, None)
    assert any(not torch.equal(*pair) for pair in zip(first.parameters(), second.parameters(), strict=True))
    kept = exported(first)
    assert exported(first) is kept
    other = made(second)
    assert other is not kept
    for level, right in zip(other(images(64, 64)), second(images(64, 64)), strict=True):
        torch.testing.assert_close(level, right, rtol=1e-3, atol=1e-4)


class _DependsOnHeight(nn.Module):
    """Writes the height of the image that it is traced with down as a constant."""

    def forward(self, values: torch.Tensor) -> list[torch.Tensor]:
        return [nn.functional.avg_pool2d(values, 4) * float(values.shape[2])]


class _CannotBeWritten(nn.Module):
    """Has an operator that ONNX does not know."""

    def forward(self, values: torch.Tensor) -> list[torch.Tensor]:
        return [torch.linalg.qr(nn.functional.avg_pool2d(values, 4))[0]]


@pytest.mark.parametrize(
    ("network", "reason"),
    [(_DependsOnHeight(), "ONNX Runtime gives other features"), (_CannotBeWritten(), "UnsupportedOperatorError: ")],
)
def test_an_encoder_that_cannot_be_exported_stays_in_pytorch(
    network: nn.Module, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    encoder = FrozenEncoder(SMALL, None)
    encoder.encoder = network
    with caplog.at_level(logging.WARNING):
        assert exported(encoder) is None
    assert f"runs in PyTorch, which takes longer: it cannot be exported to ONNX ({reason}" in caplog.text


def test_without_the_packages_nothing_is_exported(monkeypatch: pytest.MonkeyPatch) -> None:
    assert can_export()
    monkeypatch.setattr(module, "PACKAGES", ("onnxruntime", "a_package_that_is_not_there"))
    assert not can_export() and exported(FrozenEncoder(SMALL, None)) is None
