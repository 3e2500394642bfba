"""A MongoDB of one's own, for the demo, the tests and the benchmarks: it ends with the process that started it.

FiftyOne by itself attaches to any server that another FiftyOne of the same user has started, whatever its folder. A
command that is to have a server of its own is run by ``python scripts/mongod.py FOLDER COMMAND [ARGUMENT ...]``.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

#: Ends the server $1 when standard input closes, which it does also where the process that started it is killed
_WATCHDOG = """
    read -r _
    kill "$1" 2>/dev/null
    while kill -0 "$1" 2>/dev/null; do sleep 0.1; done
    [ -z "$2" ] || rm -rf "$2"
"""


class Mongod:
    """A server that listens on this machine alone.

    Args:
        folder: of its data; its log lies beside it
        options: further options of mongod
        remove: a folder to remove when this process has ended
    """

    def __init__(self, folder: Path, options: Sequence[str] = (), remove: Path | None = None) -> None:
        self.folder, self.options, self.port = folder, list(options), _free_port()
        self._remove = remove
        self._process: subprocess.Popen[bytes] | None = None
        self._watchdog: subprocess.Popen[bytes] | None = None

    @property
    def uri(self) -> str:
        """Its URI."""
        return self.uri_of("")

    def uri_of(self, login: str) -> str:
        """The URI with a login before the address, such as ``user:password@``."""
        return f"mongodb://{login}127.0.0.1:{self.port}/"

    @property
    def log(self) -> Path:
        """What it says."""
        return self.folder.with_suffix(".log")

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    def start(self, patience: float = 60.0) -> None:
        """Starts it and waits until it answers; starts it again where one that was just killed holds the folder still.

        Args:
            patience: seconds to try

        Raises:
            RuntimeError: it did not start, with the end of its log
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        until = time.monotonic() + patience
        while time.monotonic() < until:
            self._launch()
            while self.running and time.monotonic() < until:
                with socket.socket() as client:
                    if client.connect_ex(("127.0.0.1", self.port)) == 0:
                        return
                time.sleep(0.05)
            self.kill()
            time.sleep(0.5)
        said = self.log.read_text(errors="replace").splitlines()
        raise RuntimeError("\n".join([f"MongoDB did not start in {self.folder}; the end of {self.log}:", *said[-3:]]))

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Ends the process at once, or with another signal in order."""
        if self._watchdog is not None:
            self._watchdog.kill()
            self._watchdog.communicate()
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait()

    def _launch(self) -> None:
        command = [program(), "--dbpath", str(self.folder), "--port", str(self.port), "--bind_ip", "127.0.0.1"]
        command += ["--nounixsocket", "--wiredTigerCacheSizeGB", "0.5", *self.options]
        # In sessions of their own: Ctrl-C reaches what uses the server, which is there until that has ended
        with open(self.log, "ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        self._watchdog = subprocess.Popen(
            ["sh", "-c", _WATCHDOG, "sh", str(self._process.pid), str(self._remove or "")],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )


def program() -> str:
    """The server that came with FiftyOne, else the one on the path."""
    found = find_spec("fiftyone")
    bundled = Path(next(iter(found.submodule_search_locations or [""]))) / "db/bin/mongod" if found else Path()
    chosen = str(bundled) if bundled.is_file() else shutil.which("mongod")
    if chosen is None:
        raise RuntimeError("No mongod found: install MongoDB.")
    return chosen


def surroundings(home: Path, uri: str) -> dict[str, str]:
    """Environment variables by which FiftyOne keeps all of its own in a folder, and its database where the URI says."""
    return {
        "FIFTYONE_CONFIG_PATH": str(home / "config.json"),
        "FIFTYONE_APP_CONFIG_PATH": str(home / "app_config.json"),
        "FIFTYONE_DATABASE_URI": uri,
        "FIFTYONE_DEFAULT_DATASET_DIR": str(home / "datasets"),
        "FIFTYONE_PLUGINS_DIR": str(home / "plugins"),
        "FIFTYONE_DATABASE_VALIDATION": "false",
        "FIFTYONE_DO_NOT_TRACK": "true",
        "FIFTYONE_ALLOW_LEGACY_ORCHESTRATORS": "true",
    }


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def main() -> int:
    """Runs the command, with the server's URI in ``FIFTYONE_DATABASE_URI``; returns its exit status."""
    folder, command = Path(sys.argv[1]).absolute(), sys.argv[2:]
    server = Mongod(folder)
    try:
        server.start(patience=5.0)
    except RuntimeError as error:
        raise SystemExit(f"{error}\nIs something else running with that folder?") from None
    # The command gets them as well, and decides when it ends
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    try:
        status = subprocess.call(command, env={**os.environ, "FIFTYONE_DATABASE_URI": server.uri})
    finally:
        server.kill(signal.SIGTERM)
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main())
