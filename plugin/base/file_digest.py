"""What files hold, as a digest."""

from __future__ import annotations

import hashlib
from pathlib import Path

_PORTION = 1 << 20


def file_digest(*paths: str | Path) -> str:
    """SHA-256, in hex, of a file's bytes, or of several files' in turn; raises `OSError` where one cannot be read."""
    digest = hashlib.sha256()
    for path in paths:
        with open(path, "rb") as file:
            while part := file.read(_PORTION):
                digest.update(part)
    return digest.hexdigest()
