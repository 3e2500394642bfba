"""A MongoDB of an attack's own, which can be killed, started again, filled up, or made to refuse writes."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from .database import free_port, mongod

_PATIENCE = 60.0
_PR_SET_PDEATHSIG = 1


class Server:
    """A mongod process.

    Args:
        folder: of its data
        options: further options of mongod
    """

    def __init__(self, folder: Path, options: Sequence[str] = ()) -> None:
        self.folder, self.options, self.port = folder, list(options), free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"127.0.0.1:{self.port}"

    @property
    def uri(self) -> str:
        """Its URI, for clients that wait 2 s for it."""
        return self.uri_of("")

    def uri_of(self, login: str) -> str:
        """The URI with a login before the address, such as ``user:password@``."""
        return f"mongodb://{login}{self.address}/?serverSelectionTimeoutMS=2000"

    def start(self) -> None:
        """Starts it and waits until it answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        command = [mongod(), "--dbpath", str(self.folder), "--port", str(self.port), "--bind_ip", "127.0.0.1"]
        command += ["--nounixsocket", "--wiredTigerCacheSizeGB", "0.25", *self.options]
        with open(self.folder.with_suffix(".log"), "ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=_end_with_parent
            )
        until = time.monotonic() + _PATIENCE
        while self.running and time.monotonic() < until:
            with socket.socket() as client:
                if client.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise RuntimeError(f"MongoDB did not start; see {self.folder.with_suffix('.log')}")

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Ends the process at once, or with another signal in order."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait()


def _end_with_parent() -> None:
    os.setsid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
