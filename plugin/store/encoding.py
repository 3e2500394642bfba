"""How predictions, pooled arrays and images become the bytes of a run's files."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from ..base.errors import SampleError
from ..base.types import Appearance, Geometry, Prediction

_HALF_LIMIT = float(np.finfo(np.float16).max)


def pack_prediction(prediction: Prediction, sample_id: str) -> dict[str, Any]:
    """A prediction as a container's value; raises `SampleError` where a value is NaN or infinite.

    Args:
        prediction: values (K, h, w); see `store.PredictionSet.write` for what is kept of which kind
        sample_id: for the error
    """
    values = prediction.values
    if not all_finite(values):
        problem = "Expected finite predictions, but the model gave NaN or infinite values; check the model."
        raise SampleError(problem, sample_id=sample_id)
    geometry = prediction.geometry
    return {
        "kind": prediction.kind,
        "values": _compact_logits(values) if prediction.kind == "logits" else _quantised(values),
        "input_size": list(geometry.input_size),
        "valid": list(geometry.valid),
        "align_corners": geometry.align_corners,
        **({} if prediction.appearance is None else {"appearance": pack_appearance(prediction.appearance)}),
    }


def unpack_prediction(value: dict[str, Any]) -> Prediction:
    """The prediction of `pack_prediction`'s value."""
    height, width = value["input_size"]
    valid_height, valid_width = value["valid"]
    geometry = Geometry((height, width), (valid_height, valid_width), value["align_corners"])
    appearance = unpack_appearance(value["appearance"]) if "appearance" in value else None
    return Prediction(value["values"], value["kind"], geometry, appearance)


def pack_appearance(appearance: Appearance) -> dict[str, Any]:
    """An appearance (C, h, w) in a byte each: of every channel 255 steps from its least value to its largest."""
    values = appearance.values.astype(np.float32, copy=False)
    least = values.min(axis=(1, 2))
    step = np.maximum(values.max(axis=(1, 2)) - least, np.finfo(np.float32).tiny) / np.float32(255)
    steps = np.rint((values - least[:, None, None]) / step[:, None, None]).astype(np.uint8)
    return {"steps": steps, "least": least, "step": step, "extent": list(appearance.extent)}


def unpack_appearance(value: dict[str, Any]) -> Appearance:
    """The appearance of `pack_appearance`'s value, half a step off at most."""
    height, width = value["extent"]
    values = value["steps"] * value["step"][:, None, None] + value["least"][:, None, None]
    return Appearance(values, (height, width))


def pack_pooled(probabilities: np.ndarray, labels: np.ndarray) -> dict[str, np.ndarray]:
    """Pooled probabilities (K, h, w) as float16 and labels (h, w) as int16."""
    return {"probabilities": to_half(probabilities), "labels": labels.astype(np.int16)}


def unpack_pooled(value: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Pooled probabilities (K, h, w) as float32 and labels (h, w) int16."""
    return to_single(value["probabilities"]), value["labels"]


def pack_compact(probabilities: np.ndarray, labels: np.ndarray) -> dict[str, np.ndarray]:
    """Pooled probabilities (K, h, w) in a byte each, and labels (h, w) as int16.

    The square root is what is rounded: small probabilities, whose logarithms count as evidence, keep their order of
    magnitude down to 1e-5, and large ones are 0.004 off at most. Takes a quarter of the space of float16.
    """
    roots = _half_roots()[to_half(probabilities).view(np.uint16)]
    return {"roots": roots, "labels": labels.astype(np.int16)}


def unpack_compact(value: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Pooled probabilities (K, h, w) as float32 and labels (h, w) int16."""
    squares = np.square(np.arange(256, dtype=np.float32) / 255)
    return squares[value["roots"]], value["labels"]


@functools.cache
def _half_roots() -> np.ndarray:
    """For every float16, by its bits, the square root in 255ths as uint8; 0 for negative numbers and NaN."""
    every = np.arange(1 << 16, dtype=np.uint16).view(np.float16).astype(np.float32)
    usable = np.clip(np.nan_to_num(every, nan=0.0), 0, 1)
    return np.rint(255 * np.sqrt(usable)).astype(np.uint8)


def encode_png(values: np.ndarray) -> bytes:
    """A PNG of gray values (H, W) uint8 or uint16, or of colours (H, W, 3) uint8 RGB.

    The difference from the row above, compressed by runs: the smallest files of OpenCV's fast settings. A level, even
    1, takes two to three times as long on maps and masks without making them smaller.
    """
    import cv2

    colours = values.ndim == 3 and values.shape[2] == 3 and values.dtype == np.uint8
    if not colours and (values.ndim != 2 or values.dtype not in (np.uint8, np.uint16)):
        raise ValueError(f"Expected (H, W) uint8 or uint16, or (H, W, 3) uint8, but got {values.shape} {values.dtype}")
    settings = [cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE]
    # OpenCV before 4.12, the last for numpy 1, cannot choose the filter: its files are larger, with the same pixels
    if hasattr(cv2, "IMWRITE_PNG_FILTER"):
        settings += [cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_UP]
    done, data = cv2.imencode(".png", np.ascontiguousarray(values[..., ::-1]) if colours else values, settings)
    if not done:
        raise ValueError(f"Could not encode an image of {values.shape}")
    return data.tobytes()


def to_half(values: np.ndarray) -> np.ndarray:
    """float16 of floats, rounded to nearest even; torch converts some 50 times faster than numpy."""
    import torch

    return torch.from_numpy(np.ascontiguousarray(values)).half().numpy()


def to_single(values: np.ndarray) -> np.ndarray:
    """float32 of float16, exactly; likewise by torch."""
    import torch

    return torch.from_numpy(np.ascontiguousarray(values)).float().numpy()


def all_finite(values: np.ndarray) -> bool:
    """Whether no value is NaN or infinite; float16 is looked at as bits, which is far faster."""
    if values.dtype != np.float16:
        return bool(np.isfinite(values).all())
    exponent = np.uint16(0x7C00)
    return not bool(((np.ascontiguousarray(values).view(np.uint16) & exponent) == exponent).any())


def _compact_logits(logits: np.ndarray) -> np.ndarray:
    if logits.dtype == np.float16:
        return logits
    shifted = logits - logits.max(axis=0)
    return to_half(np.maximum(shifted, -_HALF_LIMIT))


def _quantised(probabilities: np.ndarray) -> np.ndarray:
    if probabilities.dtype == np.uint8:
        return probabilities
    if probabilities.dtype == np.float16:
        probabilities = to_single(probabilities)
    return (probabilities * np.float32(255) + np.float32(0.5)).clip(0, 255).astype(np.uint8)
