"""Networks from the files that users have: SMP weights, whole modules, TorchScript. Nothing in a file runs unasked."""

from __future__ import annotations

import json
import pickle
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..base.errors import LabelQualityError
from ..base.foreign_files import file_size
from .config import ModelSource
from .networks import IMAGENET_MEAN, IMAGENET_STD, Network, first_line

#: Where training frameworks put the weights in a checkpoint
_NESTED = ("state_dict", "model_state_dict", "model", "net", "weights")
_HEAD = "segmentation_head."
_SHOWN_KEYS = 4
#: Encoders of SMP without a ``tu-`` that were trained on inputs in [-1, 1]
_SIGNED_INPUTS = ("inceptionv4", "inceptionresnetv2", "xception", "timm-tf_efficientnet_lite")


def file_content(path: Path) -> str:
    """What a model file or folder holds: ``smp``, ``huggingface``, ``torchscript``, ``safetensors`` or ``pickle``.

    Raises:
        LabelQualityError: a folder without a known config.json, or an empty or unreadable file
    """
    if path.is_dir():
        return _folder_content(path)
    try:
        file_size(path, "model")
        with path.open("rb") as file:
            start = file.read(2)
        if path.suffix == ".safetensors":
            return "safetensors"
        if start[:1] == b"\x80":
            return "pickle"
        if start != b"PK" or not zipfile.is_zipfile(path):
            raise _unreadable(path, "it is empty, cut off, or no PyTorch file")
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except LabelQualityError:
        raise
    # zipfile raises whatever it likes for broken archives
    except Exception as error:
        raise _unreadable(path, first_line(error)) from error
    inflated = [one.filename for one in members if one.compress_type != zipfile.ZIP_STORED and "/data/" in one.filename]
    if inflated:
        raise _unreadable(path, f"its weights ({inflated[0]}) are compressed, which those of torch.save never are")
    names = [one.filename for one in members]
    if any("/code/" in name for name in names) and any(name.endswith("/constants.pkl") for name in names):
        return "torchscript"
    if any(name.endswith("/data.pkl") for name in names):
        return "pickle"
    raise _unreadable(path, "it is an archive that neither torch.save nor torch.jit.save wrote")


def load_smp(path: Path, config: ModelSource) -> Network:
    """A model of segmentation-models-pytorch: a folder of its ``save_pretrained``, or a file of weights.

    With ``trust`` the file may hold a whole pickled module of any kind.

    Raises:
        LabelQualityError: see `read_weights`; or no architecture and encoder are known, or the weights do not fit them
    """
    folder = path if path.is_dir() else path.parent
    saved = _saved_config(folder) if path.is_dir() or config.architecture is None else None
    file = _only_weights_file(folder) if path.is_dir() else path
    content = unnested(read_weights(file, config.trust))
    if isinstance(content, nn.Module):
        return module_network(content, path)
    weights = _model_weights(content, file)
    if saved is not None:
        module = _build_saved(saved, folder)
        encoder = str(saved.get("encoder_name", "resnet34"))
    else:
        module = _build_named(config, weights, file)
        encoder = str(config.encoder)
    _fill(module, weights, file)
    align_corners = keep_head_resolution(module)
    mean, std = encoder_normalisation(encoder)
    return Network(module, "smp", path, mean=mean, std=std, align_corners=align_corners, gives_logits=True)


def module_network(module: nn.Module, path: Path | None = None) -> Network:
    """A whole module, with the class names and the normalisation that it tells of itself.

    Args:
        module: of any kind; models of segmentation-models-pytorch and of transformers know more than others
        path: the file it comes from, if any
    """
    settings = getattr(module, "config", None)
    if isinstance(settings, Mapping):
        mean, std = encoder_normalisation(str(settings.get("encoder_name", "")))
        return Network(module, "module", path, mean=mean, std=std)
    return Network(module, "module", path, names=label_names(settings))


def label_names(settings: Any) -> tuple[str, ...] | None:
    """The class names in a transformers config, or None where it has only the numbered names of its defaults."""
    labels = getattr(settings, "id2label", None)
    if not labels:
        return None
    names = tuple(str(name) for _, name in sorted(labels.items(), key=lambda item: int(item[0])))
    return None if all(name == f"LABEL_{index}" for index, name in enumerate(names)) else names


def load_torchscript(path: Path, config: ModelSource) -> Network:
    """A TorchScript archive; the code in it runs when the model does, so it needs ``trust``.

    Raises:
        LabelQualityError: not trusted, or unreadable
    """
    if not config.trust:
        raise LabelQualityError(
            f"{path} is a TorchScript archive: the model's code is in the file and runs with it. If you trust where it "
            "comes from, load it with trust=True; or give the weights alone as a state_dict or safetensors file with "
            "architecture and encoder."
        )
    try:
        module = torch.jit.load(str(path), map_location="cpu")
    except Exception as error:
        raise _unreadable(path, first_line(error)) from error
    return Network(module, "torchscript", path)


def read_weights(path: Path, trust: bool) -> Any:
    """The content of a file of weights, read without running any code in it unless it is trusted.

    Args:
        path: a .safetensors file, or a file of ``torch.save``
        trust: whether a file that holds more than tensors and plain values may be unpickled

    Returns:
        a mapping of names to tensors, maybe nested, or with ``trust`` whatever was saved

    Raises:
        LabelQualityError: it cannot be read, or only by running code in it
    """
    content = file_content(path)
    try:
        if content == "safetensors":
            from safetensors.torch import load_file

            return load_file(str(path))
        return torch.load(path, map_location="cpu", weights_only=not trust)
    except ModuleNotFoundError as error:
        raise LabelQualityError(
            f"{path} needs {first_line(error)}: install it where the plugin runs, or save the weights alone with "
            "torch.save(model.state_dict(), ...)."
        ) from error
    except pickle.UnpicklingError as error:
        if trust:
            raise _unreadable(path, first_line(error)) from error
        raise LabelQualityError(
            f"{path} is a pickle that holds more than weights, and reading it would run code that is in the file, so "
            "it was refused. Save the weights alone with torch.save(model.state_dict(), ...) or as safetensors; or, if "
            "you trust where the file comes from, load it with trust=True."
        ) from error
    except Exception as error:
        raise _unreadable(path, first_line(error)) from error


def encoder_normalisation(encoder: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The mean and standard deviation that an SMP encoder's ImageNet weights were trained with; looked up offline."""
    if encoder.startswith("tu-"):
        import timm

        settings = timm.models.get_pretrained_cfg(encoder.removeprefix("tu-"))
        if settings is not None:
            return tuple(settings.mean), tuple(settings.std)
    if encoder.startswith(_SIGNED_INPUTS):
        return (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)
    return IMAGENET_MEAN, IMAGENET_STD


def _folder_content(folder: Path) -> str:
    saved = _read_json(folder / "config.json")
    if "_model_class" in saved:
        return "smp"
    if "model_type" in saved or "architectures" in saved:
        return "huggingface"
    raise LabelQualityError(
        f"Expected {folder} to be a folder that save_pretrained of segmentation-models-pytorch or of transformers "
        "wrote, with a config.json that names the model, but found none. For another kind of model give its file."
    )


def _saved_config(folder: Path) -> dict[str, Any] | None:
    """What SMP's ``save_pretrained`` wrote beside the weights, or None."""
    saved = _read_json(folder / "config.json")
    return saved if "_model_class" in saved else None


def _read_json(path: Path) -> dict[str, Any]:
    try:
        file_size(path, "model")
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise _unreadable(path, first_line(error)) from error
    return content if isinstance(content, dict) else {}


def _only_weights_file(folder: Path) -> Path:
    for name in ("model.safetensors", "pytorch_model.bin"):
        if (folder / name).is_file():
            return folder / name
    raise LabelQualityError(f"Expected weights in {folder}/model.safetensors, but there is no such file.")


def _model_weights(content: Any, path: Path) -> dict[str, torch.Tensor]:
    """The SMP model's own weights, without what training frameworks put before their names and beside them."""
    tensors = {k: v for k, v in content.items() if torch.is_tensor(v)} if isinstance(content, Mapping) else {}
    prefix = next((name[: name.index(_HEAD)] for name in tensors if _HEAD in name), None)
    if prefix is None:
        found = ", ".join(map(str, list(tensors)[:_SHOWN_KEYS])) or f"a {type(content).__name__} without tensors"
        raise LabelQualityError(
            f"Expected {path} to hold the weights of a segmentation-models-pytorch model, with names like "
            f"'{_HEAD}0.weight', but found {found}. Give other networks as TorchScript, or pass the loaded model."
        )
    own = {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
    parts = ("encoder.", "decoder.", _HEAD)
    return {name: value for name, value in own.items() if name.startswith(parts)}


def unnested(content: Any) -> Any:
    """The weights or the module in what a training framework saved."""
    while isinstance(content, Mapping):
        key = next((key for key in _NESTED if isinstance(content.get(key), (Mapping, nn.Module))), None)
        if key is None:
            break
        content = content[key]
    return content


def _build_saved(saved: Mapping[str, Any], folder: Path) -> nn.Module:
    """The untrained model that SMP's ``config.json`` describes."""
    params = {name: value for name, value in saved.items() if not name.startswith("_")}
    params.update(encoder_weights=None, aux_params=None)
    return _built(lambda: known_model(str(saved["_model_class"]))(**params), f"{folder}/config.json")


def _build_named(config: ModelSource, weights: Mapping[str, torch.Tensor], path: Path) -> nn.Module:
    """The untrained model of the architecture and encoder that the user names, with the outputs that the file has."""
    if not config.architecture or not config.encoder:
        raise LabelQualityError(
            f"{path} holds weights without saying of which model. Give architecture and encoder as "
            "segmentation-models-pytorch names them, such as architecture='FPN', encoder='resnet34'."
        )
    heads = [value for name, value in weights.items() if name.startswith(_HEAD) and value.ndim == 4]
    params = {"encoder_name": config.encoder, "encoder_weights": None, "classes": len(heads[-1]) if heads else 1}
    architecture = known_model(config.architecture)
    return _built(lambda: architecture(**params), f"architecture={config.architecture!r}, encoder={config.encoder!r}")


def known_model(name: str) -> Callable[..., nn.Module]:
    """What builds an architecture of segmentation-models-pytorch; raises `LabelQualityError` for one that it has not.

    Args:
        name: of the architecture, in upper or lower case
    """
    import segmentation_models_pytorch as smp

    known = smp.MODEL_ARCHITECTURES_MAPPING
    if name.lower() not in known:
        names = ", ".join(architecture.__name__ for architecture in known.values())
        raise LabelQualityError(f"Expected parameter `architecture` to be one of {names}, but got {name!r}.")
    return known[name.lower()]


def _built(build: Callable[[], nn.Module], described: str) -> nn.Module:
    try:
        return build()
    except LabelQualityError:
        raise
    except Exception as error:
        reason = str(error.args[0] if error.args else error)[:200]
        raise LabelQualityError(
            f"segmentation-models-pytorch cannot build the model of {described}: {reason}. Check the encoder's name at "
            "https://smp.readthedocs.io/en/latest/encoders.html."
        ) from error


def _fill(module: nn.Module, weights: dict[str, torch.Tensor], path: Path) -> None:
    """Puts the weights into the model; every one must have its place and its shape."""
    expected = {name: tuple(value.shape) for name, value in module.state_dict().items()}
    try:
        module.load_state_dict(weights)
    except RuntimeError as error:
        found = {name: tuple(value.shape) for name, value in weights.items()}
        other = [f"{n} {found[n]} for {s}" for n, s in expected.items() if n in found and found[n] != s]
        problems = [
            ("missing", [name for name in expected if name not in found]),
            ("unexpected", [name for name in found if name not in expected]),
            ("of another shape", other),
        ]
        listed = "; ".join(f"{len(names)} {what} ({_some(names)})" for what, names in problems if names)
        raise LabelQualityError(
            f"The weights in {path} do not fit the model: {listed}. Check architecture and encoder; a model built with "
            "other options than these can be loaded from a folder of its save_pretrained()."
        ) from error


def _some(names: list[str]) -> str:
    return ", ".join(names[:_SHOWN_KEYS]) + (", ..." if len(names) > _SHOWN_KEYS else "")


def keep_head_resolution(module: nn.Module) -> bool:
    """Takes the final upsampling and activation off an SMP model, so that it gives logits at its head's resolution.

    Returns:
        whether the upsampling that was taken off aligns corners
    """
    from segmentation_models_pytorch.base import SegmentationHead

    head = module.segmentation_head
    if not isinstance(head, SegmentationHead):
        return False
    head[2] = nn.Identity()
    upsampling = head[1]
    if not isinstance(upsampling, nn.Upsample) or upsampling.mode != "bilinear":
        return False
    head[1] = nn.Identity()
    return bool(upsampling.align_corners)


def _unreadable(path: Path, reason: str) -> LabelQualityError:
    return LabelQualityError(f"The model file {path} cannot be read: {reason}. Check that it was copied whole.")
