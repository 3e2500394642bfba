"""A FiftyOne of a benchmark's own: database, files and settings are in one folder, and the user's are not touched."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from scripts.mongod import Mongod, surroundings

#: Kept, as a server ends when nothing refers to it any more
_SERVERS: list[Mongod] = []


def start(folder: Path | None) -> Path:
    """Starts a database that ends with this process, and points FiftyOne, not yet imported, at it.

    Args:
        folder: where everything is kept; None for a temporary folder that is removed when this process ends

    Returns:
        the folder
    """
    home = Path(tempfile.mkdtemp(prefix="label-quality-")) if folder is None else Path(os.path.abspath(folder))
    (home / "plugins").mkdir(parents=True, exist_ok=True)
    _SERVERS.append(server := Mongod(home / "database", remove=home if folder is None else None))
    server.start()
    os.environ.update(surroundings(home, server.uri))
    return home
