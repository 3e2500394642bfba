"""Semantic-segmentation models of Hugging Face transformers, from a folder or from the hub."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..base.errors import LabelQualityError
from .checkpoints import label_names
from .config import ModelSource
from .networks import IMAGENET_MEAN, IMAGENET_STD, Network, Resizing, first_line

_SHOWN_KEYS = 4


def load_huggingface(config: ModelSource) -> Network:
    """Loads a model for semantic segmentation with its class names, its normalisation and its input size.

    Weights are read from safetensors files only, and code from the hub is not run, unless ``trust``.

    Args:
        config: ``model`` is a folder of ``save_pretrained``, or the model's name on the hub

    Raises:
        LabelQualityError: transformers is not installed, there is no such model, its files would run code, it is not
            for semantic segmentation, or its weights lack some
    """
    transformers = _transformers()
    path = Path(config.model).expanduser()
    local = path.is_dir()
    source = str(path) if local else config.model
    if local and not config.trust and not list(path.glob("*.safetensors")):
        raise LabelQualityError(
            f"{path} has no .safetensors file; the older .bin weights are pickles, which can run code when they are "
            "read. Save the model again with save_pretrained(), or, if you trust where it comes from, use trust=True."
        )
    options: dict[str, Any] = {"trust_remote_code": config.trust, "local_files_only": local}
    if not config.trust:
        options["use_safetensors"] = True
    try:
        module, found = transformers.AutoModelForSemanticSegmentation.from_pretrained(
            source, output_loading_info=True, **options
        )
    except Exception as error:
        raise _not_loaded(source, error) from error
    missing = sorted(found["missing_keys"])
    if missing:
        raise LabelQualityError(
            f"The Hugging Face model {source} lacks {len(missing)} of the weights that semantic segmentation needs "
            f"({', '.join(missing[:_SHOWN_KEYS])}, ...): it was trained for another task, or not saved whole."
        )
    return _network(module, path if local else None, _processor(transformers, source, local))


def processed_size(settings: Mapping[str, Any]) -> Resizing | None:
    """The rule by which an image processor's settings choose the size of the model's input.

    Args:
        settings: as in ``preprocessor_config.json``

    Returns:
        (height, width) of an image to (height, width) of the input, or None for the image's own size
    """
    size = {name: value for name, value in dict(settings.get("size") or {}).items() if value}
    if not settings.get("do_resize", True) or not size:
        return None
    if "height" in size and "width" in size:
        return lambda _: (int(size["height"]), int(size["width"]))
    if "shortest_edge" not in size:
        longest = size.get("longest_edge")
        return (lambda shape: _scaled(shape, longest / max(shape))) if longest else None
    most = size.get("longest_edge", float("inf"))
    return lambda shape: _scaled(shape, min(size["shortest_edge"] / min(shape), most / max(shape)))


def processed_normalisation(settings: Mapping[str, Any]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The mean and standard deviation, for pixel values in [0, 1], that an image processor's settings amount to."""
    scale = 255 * float(settings.get("rescale_factor") or 1 / 255) if settings.get("do_rescale", True) else 255.0
    normalises = settings.get("do_normalize", True)
    mean = tuple(settings.get("image_mean") or IMAGENET_MEAN) if normalises else (0.0, 0.0, 0.0)
    std = tuple(settings.get("image_std") or IMAGENET_STD) if normalises else (1.0, 1.0, 1.0)
    return tuple(value / scale for value in mean), tuple(value / scale for value in std)


def _transformers() -> Any:
    try:
        import transformers
    except ImportError as error:
        raise LabelQualityError(
            "Hugging Face models need the transformers package: pip install 'fiftyone-label-quality[huggingface]'."
        ) from error
    return transformers


def _processor(transformers: Any, source: str, local: bool) -> dict[str, Any]:
    """The settings of the model's image processor; none where it was saved without one."""
    try:
        processor = transformers.AutoImageProcessor.from_pretrained(
            source, local_files_only=local, trust_remote_code=False
        )
    except (OSError, ValueError):
        return {}
    return processor.to_dict()


def _network(module: Any, path: Path | None, settings: Mapping[str, Any]) -> Network:
    own_size = processed_size(settings)
    mean, std = processed_normalisation(settings)
    return Network(
        module,
        "huggingface",
        path,
        names=label_names(module.config),
        mean=mean,
        std=std,
        bgr=bool(settings.get("do_flip_channel_order", False)),
        multiple=1 if "height" in dict(settings.get("size") or {}) else 32,
        own_size=own_size,
        gives_logits=True,
    )


def _scaled(shape: tuple[int, int], scale: float) -> tuple[int, int]:
    return max(1, round(shape[0] * scale)), max(1, round(shape[1] * scale))


def _not_loaded(source: str, error: Exception) -> LabelQualityError:
    reason = first_line(error)[:300]
    if "trust_remote_code" in str(error):
        advice = "The model brings code of its own: if you trust where it comes from, use trust=True."
    elif "safetensors" in str(error):
        advice = "Only safetensors weights are read: older .bin weights are pickles and need trust=True."
    else:
        advice = "Give the folder of its save_pretrained(), or the name of a semantic-segmentation model on the hub."
    return LabelQualityError(f"The Hugging Face model {source} cannot be loaded: {reason}. {advice}")
