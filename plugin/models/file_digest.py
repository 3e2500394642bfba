"""The digest of a model's file, made without PyTorch."""

from __future__ import annotations

import hashlib
from pathlib import Path


def sha256(path: Path) -> str:
    """The hex digest of a file, or of the weights files of a folder in the order of their names."""
    names = sorted(path.glob("*.safetensors")) + sorted(path.glob("*.bin")) if path.is_dir() else [path]
    digest = hashlib.sha256()
    for name in names:
        with name.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()
