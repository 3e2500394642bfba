"""A FiftyOne of a benchmark's own: database, files and settings are in one folder, and the user's are not touched."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

#: Ends the server when standard input closes, also if the benchmark is killed; then removes the folder $4
_SCRIPT = """
    exec 3<&0
    "$1" --dbpath "$2" --port "$3" --bind_ip 127.0.0.1 --nounixsocket --wiredTigerCacheSizeGB 0.5 \\
        >"$2/mongod.log" 2>&1 </dev/null &
    server=$!
    {
        read -r _ <&3
        kill "$server"
        while kill -0 "$server" 2>/dev/null; do sleep 0.1; done
        [ -z "$4" ] || rm -rf "$4"
    } &
    wait "$server"
"""
_PATIENCE = 60.0


def start(folder: Path | None) -> Path:
    """Starts a database that ends with this process, and points FiftyOne, not yet imported, at it.

    Args:
        folder: where everything is kept; None for a temporary folder that is removed when this process ends

    Returns:
        the folder
    """
    home = Path(tempfile.mkdtemp(prefix="label-quality-")) if folder is None else Path(os.path.abspath(folder))
    for name in ("database", "plugins"):
        (home / name).mkdir(parents=True, exist_ok=True)
    port = _serve(home, remove=folder is None)
    os.environ.update(
        FIFTYONE_CONFIG_PATH=str(home / "config.json"),
        FIFTYONE_APP_CONFIG_PATH=str(home / "app_config.json"),
        FIFTYONE_DATABASE_URI=f"mongodb://127.0.0.1:{port}",
        FIFTYONE_DEFAULT_DATASET_DIR=str(home / "datasets"),
        FIFTYONE_PLUGINS_DIR=str(home / "plugins"),
        FIFTYONE_DATABASE_VALIDATION="false",
        FIFTYONE_DO_NOT_TRACK="true",
    )
    return home


def _serve(home: Path, remove: bool) -> int:
    """Starts the server, again where one of a process that was just killed still holds the folder; its port."""
    until = time.monotonic() + _PATIENCE
    while True:
        port = free_port()
        folders = [str(home / "database"), str(port), str(home) if remove else ""]
        command = ["sh", "-c", _SCRIPT, "sh", mongod(), *folders]
        server = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
        while server.poll() is None and time.monotonic() < until:
            with socket.socket() as client:
                if client.connect_ex(("127.0.0.1", port)) == 0:
                    return port
            time.sleep(0.1)
        if time.monotonic() >= until:
            log = (home / "database" / "mongod.log").read_text(errors="replace").splitlines()
            raise SystemExit("\n".join(["MongoDB did not start; the end of its log:", *log[-3:]]))
        time.sleep(0.5)


def free_port() -> int:
    """A port on which nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def mongod() -> str:
    """The server that came with FiftyOne, else the one on the path."""
    found = find_spec("fiftyone")
    bundled = Path((found.submodule_search_locations or [""])[0]) / "db/bin/mongod" if found else Path()
    program = str(bundled) if bundled.is_file() else shutil.which("mongod")
    if program is None:
        raise SystemExit("No mongod found: install MongoDB.")
    return program
