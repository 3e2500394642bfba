"""A frozen encoder run by ONNX Runtime, where that is installed: a third of PyTorch's time on a CPU.

Networks run in one thread each here, several side by side. With one thread PyTorch computes 1 × 1 convolutions, which
are most of an EfficientNet, without oneDNN, and standardises and clips values in passes of their own; ONNX Runtime does
all of that within its convolutions. The features are the same but for rounding.
"""

from __future__ import annotations

import hashlib
import io
import logging
import threading
import warnings
from importlib.util import find_spec
from typing import Any

import torch
from torch import nn

from .encoders import MULTIPLE, FrozenEncoder

logger = logging.getLogger(__name__)

#: What runs it, and what PyTorch writes the file with
PACKAGES = ("onnxruntime", "onnx")
#: Of the operators in the file: what the oldest ONNX Runtime for this package's Pythons reads
_OPSET = 17
#: Heights and widths of the images by which an export is checked. It is made by the first: what was written down as a
#: constant there is another for the second
_PROBES = ((2 * MULTIPLE, 3 * MULTIPLE), (5 * MULTIPLE, MULTIPLE))
#: Of the largest feature of a map; rounding differs by a millionth
_TOLERANCE = 1e-3
_INPUT = "images"


class ExportedEncoder:
    """Gives what a `FrozenEncoder` gives, in the thread that asks; any number of threads may at once.

    Args:
        session: of ONNX Runtime
    """

    def __init__(self, session: Any) -> None:
        self._session = session

    def __call__(self, images: torch.Tensor) -> list[torch.Tensor]:
        """(N, 3, H, W) uint8 with sides of multiples of `MULTIPLE` to float32 feature maps, finest first."""
        values = images.float().contiguous().numpy()
        maps = self._session.run(None, {_INPUT: values})
        return [torch.from_numpy(level).contiguous(memory_format=torch.channels_last) for level in maps]


def can_export() -> bool:
    """Whether the packages that it takes are installed."""
    return all(find_spec(name) is not None for name in PACKAGES)


def exported(encoder: FrozenEncoder) -> ExportedEncoder | None:
    """The encoder, on a CPU, as ONNX Runtime runs it; made once a process for the same weights.

    Args:
        encoder: on a CPU

    Returns:
        what gives its features; None where the packages are not installed, or the encoder cannot be exported or gives
        other features then, which is logged
    """
    if not can_export():
        return None
    with _EXPORTING:
        key = _digest(encoder)
        if key not in _KEPT:
            made = _checked(encoder)
            # One is enough: a process that audits time and again does so with the same encoder
            _KEPT.clear()
            _KEPT[key] = made
        return _KEPT[key]


_EXPORTING = threading.Lock()
#: Digest of the last encoder to what it was exported to, if it could be
_KEPT: dict[str, ExportedEncoder | None] = {}


class _Tupled(nn.Module):
    """A network whose list of maps is a tuple, which the exporter can name one by one."""

    def __init__(self, encoder: FrozenEncoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(self.encoder.maps(images))


def _checked(encoder: FrozenEncoder) -> ExportedEncoder | None:
    try:
        made = ExportedEncoder(_session(_content(encoder)))
        if all(_agree(encoder, made, _noise(*size)) for size in _PROBES):
            return made
        reason = "ONNX Runtime gives other features"
    # Exporters of other PyTorch versions and of unusual encoders fail in many ways, and nothing depends on this one
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
    logger.warning("The encoder runs in PyTorch, which takes longer: it cannot be exported to ONNX (%s)", reason)
    return None


def _content(encoder: FrozenEncoder) -> bytes:
    """The ONNX file, for images of any number and size."""
    # PyTorch's other exporter takes many seconds, and two packages more
    from torch.onnx.utils import export

    images = _noise(*_PROBES[0]).float()
    names = [f"map {number}" for number in range(len(encoder(images)))]
    free = {name: {0: "images", 2: f"height of {name}", 3: f"width of {name}"} for name in (_INPUT, *names)}
    buffer = io.BytesIO()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        export(
            _Tupled(encoder).eval(),
            (images,),
            buffer,  # type: ignore[arg-type]
            input_names=[_INPUT],
            output_names=names,
            dynamic_axes=free,
            opset_version=_OPSET,
        )
    return buffer.getvalue()


def _session(content: bytes) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    # A plan of the memory is kept for each size of image; there may be as many as images
    options.enable_mem_pattern = False
    # Errors only, as whatever else it says is said on the terminal
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def _agree(encoder: FrozenEncoder, made: ExportedEncoder, images: torch.Tensor) -> bool:
    pairs = zip(encoder(images), made(images), strict=True)
    return all(
        mine.shape == other.shape and bool((mine - other).abs().max() <= _TOLERANCE * mine.abs().max())
        for mine, other in pairs
    )


def _noise(height: int, width: int) -> torch.Tensor:
    """A (1, 3, H, W) uint8 image, always the same."""
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (1, 3, height, width), dtype=torch.uint8, generator=generator)


def _digest(encoder: FrozenEncoder) -> str:
    """Of its layers and weights."""
    digest = hashlib.sha256(repr(encoder).encode())
    for name, values in encoder.state_dict().items():
        digest.update(name.encode())
        digest.update(values.contiguous().numpy().tobytes())
    return digest.hexdigest()
