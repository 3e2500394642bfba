"""The digest of a model's files, and its class names, made without PyTorch."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from ..base.file_digest import file_digest

#: What lies beside weights and says how they are used: classes and architecture, normalisation and size of the input
_SETTINGS = ("config.json", "preprocessor_config.json", "processor_config.json")


def sha256(path: Path) -> str:
    """The hex digest of a file, or of the weights files of a folder in the order of their names."""
    names = sorted(path.glob("*.safetensors")) + sorted(path.glob("*.bin")) if path.is_dir() else [path]
    return file_digest(*names)


def model_digest(path: Path) -> str:
    """The hex digest of a model's weights, with that of the settings and the code beside them where there are any.

    Args:
        path: a folder, or a file of weights, which may have a ``config.json`` beside it
    """
    weights, beside = sha256(path), settings_files(path)
    if not beside:
        return weights
    parts = [weights, *(f"{one.name} {sha256(one)}" for one in beside)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def settings_files(path: Path) -> list[Path]:
    """The files beside the weights that say how they are used; of a folder its code, too."""
    folder, names = (path, _SETTINGS) if path.is_dir() else (path.parent, _SETTINGS[:1])
    found = [folder / name for name in names if (folder / name).is_file()]
    return [*found, *(sorted(path.glob("*.py")) if path.is_dir() else ())]


def class_names(folder: Path) -> tuple[str, ...] | None:
    """The names that a folder's ``config.json`` gives the model's outputs, as they are recorded: numbers by default.

    Returns:
        None where it does not say how many outputs there are
    """
    try:
        labels = json.loads((folder / _SETTINGS[0]).read_text(encoding="utf-8"))["id2label"]
        names = tuple(str(labels[number]) for number in sorted(labels, key=int))
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None
    numbered = all(name == f"LABEL_{place}" for place, name in enumerate(names))
    return tuple(map(str, range(len(names)))) if numbered else names
