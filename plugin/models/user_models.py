"""Predictions of a model that the user has: SMP, TorchScript, FiftyOne or Hugging Face."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import nn

from ..base.errors import LabelQualityError
from ..base.types import Prediction
from ..labels.class_mapping import ClassMapping
from ..labels.class_table import ClassTable
from ..pixels.resample import to_probabilities
from ..samples.private_fiftyone import network_of
from .checkpoints import file_content, known_model, load_smp, load_torchscript, module_network
from .config import ModelSource
from .file_digest import sha256
from .huggingface import load_huggingface
from .networks import Network, NetworkPredictor, fit_longest, resized
from .tiling import predict_tiled
from .weights import check_encoder
from .zoo import FiftyOnePredictor, in_zoo, load_zoo_model

_FILE_SUFFIXES = (".pt", ".pth", ".ckpt", ".bin", ".ts", ".torchscript", ".safetensors")
#: Side in pixels of the image of noise that tells how many classes a model has
_PROBE_SIZE = 256
#: What each kind of file may be asked for as
_KINDS_OF_CONTENT = {
    "smp": ("smp",),
    "safetensors": ("smp",),
    "pickle": ("smp",),
    "torchscript": ("torchscript",),
    "huggingface": ("huggingface",),
}


class Predictor(Protocol):
    """A model that speaks of its own classes."""

    def own_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """The (height, width) at which it wants an image of this size."""

    def group(self, size: tuple[int, int]) -> tuple[int, int]:
        """A key that images which go in one batch share."""

    def names(self, outputs: int) -> tuple[str, ...] | None:
        """Its names of that many outputs, or None."""

    def __call__(self, images: list[np.ndarray]) -> list[Prediction]:
        """(O, h, w) float32 class scores for each of the images of one group."""


@dataclass(frozen=True)
class UserModel:
    """A model of the user's, speaking of the dataset's classes.

    Args:
        predictor: the model
        mapping: from its outputs to the dataset's classes; ``mapping.missing`` are classes that it never predicts
        config: input size, tiles and batch size
        description: what it is, for a run's record: kind, file, sha256, number of parameters, classes, mapping
    """

    predictor: Predictor
    mapping: ClassMapping
    config: ModelSource
    description: dict[str, Any]

    def predict(self, images: list[np.ndarray]) -> list[Prediction]:
        """Predicts images, which may be of different sizes.

        Args:
            images: each (H, W, 3) uint8 RGB

        Returns:
            per image (K, h, w) float16 in the order of the class table: logits or probabilities at the model's own
            resolution, or with ``tile`` probabilities at the size that was cut into tiles

        Raises:
            LabelQualityError: the model fails, or gives something that is not class scores
            SampleError: the output for an image is not numbers
        """
        inputs = [resized(image, self._input_size(image)) for image in images]
        if self.config.tile:
            return [self._predict_tiled(image, self.config.tile) for image in inputs]
        results: dict[int, Prediction] = {}
        for indices in _batches(inputs, self.config.batch_size, self.predictor.group):
            for index, raw in zip(indices, self.predictor([inputs[i] for i in indices]), strict=True):
                mapped = self._mapped(raw)
                results[index] = replace(mapped, values=_to_half(mapped.values))
        return [results[index] for index in range(len(images))]

    def _input_size(self, image: np.ndarray) -> tuple[int, int]:
        """The (height, width) that the user asks for, else the model; tiles are cut at the image's own scale."""
        size = (image.shape[0], image.shape[1])
        if self.config.input_size:
            return fit_longest(size, self.config.input_size)
        return size if self.config.tile else self.predictor.own_size(size)

    def _predict_tiled(self, image: np.ndarray, tile: int) -> Prediction:
        def predict(tiles: np.ndarray) -> np.ndarray:
            return np.stack([to_probabilities(self._mapped(raw), (tile, tile)) for raw in self.predictor(list(tiles))])

        return predict_tiled(predict, image, tile, batch_size=self.config.batch_size)

    def _mapped(self, raw: Prediction) -> Prediction:
        """The prediction in the dataset's classes."""
        logits = raw.kind == "logits"
        return replace(
            raw, values=(self.mapping.apply_logits if logits else self.mapping.apply_probabilities)(raw.values)
        )


def load_model(
    config: ModelSource, table: ClassTable, *, model: Any = None, example: np.ndarray | None = None
) -> UserModel:
    """Loads a model, tries it on one image and maps its classes to the dataset's.

    Args:
        config: which model, and how to use it
        table: the dataset's classes
        model: an already loaded ``torch.nn.Module`` or FiftyOne torch model, instead of ``config.model``
        example: (H, W, 3) uint8, an image to try it on; None for noise

    Raises:
        LabelQualityError: the model cannot be found, read or trusted, does not give class scores, or its classes do
            not match
    """
    device = torch_device(config.device)
    predictor = _predictor(config, device, model)
    outputs = _outputs(predictor, config, example)
    mapping = ClassMapping.build(outputs, predictor.names(outputs), config.class_map, table)
    return UserModel(predictor, mapping, config, _description(predictor, mapping, config, model))


def torch_device(name: str) -> torch.device:
    """The device of ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.

    Raises:
        LabelQualityError: no such device here
    """
    available = torch.cuda.is_available()
    if name == "auto":
        return torch.device("cuda" if available else "cpu")
    try:
        device = torch.device(name)
        if device.type != "cuda":
            # Of others PyTorch knows the name also where it cannot use them
            torch.zeros(1, device=device).cpu()
    except (RuntimeError, AssertionError) as error:
        raise LabelQualityError(f"Expected device to be auto, cpu, cuda or cuda:N, but got {name!r}.") from error
    if device.type == "cuda" and (not available or (device.index or 0) >= torch.cuda.device_count()):
        raise LabelQualityError(
            f"device={name!r} was asked for, but PyTorch finds {torch.cuda.device_count()} CUDA devices here. Use "
            "device='auto' or 'cpu', or install a PyTorch build and driver for the GPU."
        )
    return device


def check_model(config: ModelSource) -> None:
    """Raises `LabelQualityError` where the model or the device is not there, or no model is called so."""
    torch_device(config.device)
    if model_kind(config) == "smp":
        if config.architecture is not None:
            known_model(config.architecture)
        if config.encoder is not None:
            check_encoder(config.encoder, None)


def model_kind(config: ModelSource) -> str:
    """The kind of the model that ``config.model`` names, by the file or folder if there is one, else by the name.

    Raises:
        LabelQualityError: no such file, a file of another kind than asked for, or a name that is nothing known
    """
    path = Path(config.model).expanduser()
    if path.exists() and config.kind != "fiftyone":
        return _kind_of_file(path, config.kind)
    if config.kind in ("smp", "torchscript") or path.is_absolute() or path.suffix.lower() in _FILE_SUFFIXES:
        raise LabelQualityError(f"The model file {path} does not exist. Check the path.")
    if config.kind != "auto":
        return config.kind
    if in_zoo(config.model):
        return "fiftyone"
    if config.model.count("/") == 1:
        return "huggingface"
    raise LabelQualityError(
        f"model={config.model!r} is neither a file or folder, nor a model of FiftyOne's zoo "
        "(fiftyone.zoo.list_zoo_models()), nor a name on the Hugging Face hub (owner/name). Check it, or say with "
        "`kind` which it is."
    )


def _kind_of_file(path: Path, asked: str) -> str:
    content = file_content(path)
    kinds = _KINDS_OF_CONTENT[content]
    if asked not in ("auto", *kinds):
        raise LabelQualityError(
            f"kind={asked!r} was asked for, but {path} holds {content} content; use kind='auto' or {kinds[0]!r}."
        )
    return kinds[0]


def _predictor(config: ModelSource, device: torch.device, model: Any) -> Predictor:
    if model is None:
        kind = model_kind(config)
        path = Path(config.model).expanduser()
        if kind == "fiftyone":
            model = load_zoo_model(config.model, device, config.trust)
        else:
            loaders: dict[str, Callable[[], Network]] = {
                "smp": lambda: load_smp(path, config),
                "torchscript": lambda: load_torchscript(path, config),
                "huggingface": lambda: load_huggingface(config),
            }
            return NetworkPredictor(_normalised_as_asked(loaders[kind](), config), device)
    if isinstance(model, nn.Module):
        return NetworkPredictor(_normalised_as_asked(module_network(model), config), device)
    if config.mean or config.std:
        raise LabelQualityError("mean and std cannot be given for a FiftyOne model: it normalises images itself.")
    return FiftyOnePredictor(model)


def _normalised_as_asked(network: Network, config: ModelSource) -> Network:
    mean, std = config.mean or network.mean, config.std or network.std
    for name, values in (("mean", mean), ("std", std)):
        if len(values) != 3:
            raise LabelQualityError(f"Expected {name} to be three numbers, one a colour channel, but got {values}.")
    return replace(network, mean=tuple(mean), std=tuple(std))


def _outputs(predictor: Predictor, config: ModelSource, example: np.ndarray | None) -> int:
    """The number of classes that the model speaks of, found by trying it on an image."""
    side = config.tile or config.input_size or _PROBE_SIZE
    if example is None or config.tile:
        example = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    size = (example.shape[0], example.shape[1])
    size = fit_longest(size, side) if config.tile or config.input_size else predictor.own_size(size)
    return len(predictor([resized(example, size)])[0].values)


def _batches(
    images: list[np.ndarray], batch_size: int, group: Callable[[tuple[int, int]], tuple[int, int]]
) -> Iterator[list[int]]:
    """Yields the indices of images that a model can take together, at most ``batch_size`` at a time."""
    groups: dict[tuple[int, int], list[int]] = {}
    for index, image in enumerate(images):
        groups.setdefault(group((image.shape[0], image.shape[1])), []).append(index)
    for members in groups.values():
        for start in range(0, len(members), batch_size):
            yield members[start : start + batch_size]


def _to_half(values: np.ndarray) -> np.ndarray:
    """float16; by PyTorch, which is many times faster at it than NumPy."""
    return torch.from_numpy(np.ascontiguousarray(values)).half().numpy()


def _description(predictor: Predictor, mapping: ClassMapping, config: ModelSource, model: Any) -> dict[str, Any]:
    network = predictor.network if isinstance(predictor, NetworkPredictor) else None
    module = network.module if network else network_of(getattr(predictor, "model", None))
    path = network.file if network else None
    return {
        "kind": network.kind if network else "fiftyone",
        "model": config.model if model is None else type(model).__name__,
        "file": str(path.resolve()) if path else None,
        "sha256": sha256(path) if path else None,
        "parameters": sum(p.numel() for p in module.parameters()) if isinstance(module, nn.Module) else None,
        "classes": list(mapping.channel_names),
        "mean": list(network.mean) if network else None,
        "std": list(network.std) if network else None,
        "trusted": config.trust,
        "mapping": mapping.to_dict(),
    }
