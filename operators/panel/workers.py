"""The workers that do delegated runs: whether one is there, and the command that starts one."""

from __future__ import annotations

import contextlib
import os
import shlex
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import fiftyone as fo
import psutil

from ...plugin.samples.private_fiftyone import database_ports

#: Settings that a worker has to share with the process that queues the runs, beside the database's address
_SHARED = (
    *("FIFTYONE_CONFIG_PATH", "FIFTYONE_DATABASE_NAME", "FIFTYONE_DATABASE_DIR", "FIFTYONE_DATABASE_VALIDATION"),
    *("FIFTYONE_DATABASE_ADMIN", "FIFTYONE_PLUGINS_DIR", "FIFTYONE_DEFAULT_DATASET_DIR", "FIFTYONE_DATASET_ZOO_DIR"),
    *("FIFTYONE_MODEL_ZOO_DIR", "FIFTYONE_DO_NOT_TRACK"),
)
_ADDRESS = "FIFTYONE_DATABASE_URI"
_PATHS = ("_DIR", "_PATH")


def delegates_first(long: bool) -> bool:
    """Whether a form offers to delegate a run before it offers to run it now: where it is long and a worker is there.

    Args:
        long: whether the run takes minutes to hours
    """
    return long and bool(getattr(fo.config, "allow_legacy_orchestrators", False)) and worker_found()


def worker_found() -> bool:
    """Whether a process of this host works off what is delegated in this database.

    FiftyOne's workers leave no sign in the database while they wait, so one on another host is not found.
    """
    servers = _servers(psutil.Process())
    return any(servers & _servers(worker) for worker in _workers())


def launch_command() -> str:
    """The command that starts a worker for this database in any shell, with all settings that it has to share.

    An address that holds a password is left out: `hides_password` says so.
    """
    settings = {name: _setting(name, value) for name in _SHARED if (value := os.environ.get(name))}
    address = os.environ.get(_ADDRESS)
    if address and not hides_password():
        settings = {_ADDRESS: address, **settings}
    program = Path(sysconfig.get_path("scripts")) / "fiftyone"
    words = [f"{name}={shlex.quote(value)}" for name, value in settings.items()]
    return " ".join([*words, shlex.quote(str(program)), "delegated", "launch"])


def hides_password() -> bool:
    """Whether the database's address holds a secret, and comes from the environment, which a new shell may lack."""
    address = urlsplit(os.environ.get(_ADDRESS) or "")
    options = address.query.lower()
    return address.password is not None or "password" in options or "token" in options


def _setting(name: str, value: str) -> str:
    return os.path.abspath(os.path.expanduser(value)) if name.endswith(_PATHS) else value


def _workers() -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            words = process.cmdline()
            for program, first, second in zip(words, words[1:], words[2:], strict=False):
                if (first, second) == ("delegated", "launch") and Path(program).stem == "fiftyone":
                    yield process


def _servers(process: psutil.Process) -> set[tuple[str, int]]:
    """Address and port of the database's servers that a process is connected to."""
    ports = database_ports()
    # Its name before psutil 6
    connections = process.net_connections if hasattr(process, "net_connections") else process.connections
    try:
        return {(one.raddr.ip, one.raddr.port) for one in connections("tcp") if one.raddr and one.raddr.port in ports}
    except psutil.Error:
        return set()
