"""What a file holds, as a digest."""

from __future__ import annotations

import hashlib
from pathlib import Path

_PORTION = 1 << 20


def file_digest(path: str | Path) -> str:
    """SHA-256 of a file's bytes in hex; raises `OSError` where it cannot be read."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while part := file.read(_PORTION):
            digest.update(part)
    return digest.hexdigest()
