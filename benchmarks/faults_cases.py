"""Faults of the surroundings: what is broken while an operation is under way, and mended afterwards."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from .faults_operations import Operation
from .faults_world import World

#: Waits some seconds, and returns whether the operation is still under way
Wait = Callable[[float], bool]
#: Linux: the layout that capget and capset speak, and CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH
_CAPABILITY_VERSION, _OVERRIDING = 0x20080522, 1 << 1 | 1 << 2
_UNREADABLE = "003.png"


class NotTried(Exception):
    """The fault cannot be made here, for the reason given."""


@dataclass
class Fault:
    """A fault, ready to happen.

    Args:
        prepare: what the operation's process does before it connects
        disturb: what happens while it is under way
    """

    prepare: Callable[[], None] = lambda: None
    disturb: Callable[[Wait], bool | None] | None = None


@dataclass(frozen=True)
class Case:
    """A kind of fault.

    Args:
        name: for the table
        fault: a context in which it can happen, given the world, the seconds of an undisturbed run and random numbers;
            it is mended when the context is left
        fits: whether an operation is exposed to it
        says: parts of the error, one of which it must have
    """

    name: str
    fault: Callable[[World, float, Random], contextlib.AbstractContextManager[Fault]]
    says: tuple[str, ...]
    fits: Callable[[Operation], bool] = field(default=lambda operation: True)


@contextlib.contextmanager
def database_killed(world: World, seconds: float, drawn: Random) -> Iterator[Fault]:
    """The server is killed at an instant, and started again afterwards."""

    def disturb(wait: Wait) -> None:
        if wait(drawn.uniform(0, seconds)):
            world.server.kill()

    world.flush()
    yield Fault(disturb=disturb)
    if not world.server.running:
        world.server.start()


@contextlib.contextmanager
def database_restarted(world: World, seconds: float, drawn: Random) -> Iterator[Fault]:
    """The server is killed at an instant, and started again at once."""

    def disturb(wait: Wait) -> None:
        if wait(drawn.uniform(0, seconds)):
            world.server.kill()
            world.server.start()

    world.flush()
    yield Fault(disturb=disturb)


@contextlib.contextmanager
def database_read_only(world: World, seconds: float, drawn: Random) -> Iterator[Fault]:
    """The user that FiftyOne logs in as may no longer write, from an instant on."""
    roles = [{"role": "readWrite", "db": "fiftyone"}]
    admin = world.client.admin
    admin.command("createUser", "admin", pwd="secret", roles=["root"])
    admin.command("createUser", "fiftyone", pwd="secret", roles=roles)
    with _served_with(world, ["--auth"], "admin:secret@"):

        def allow(granted: list[dict[str, str]]) -> None:
            world.client.admin.command("updateUser", "fiftyone", roles=granted)

        def disturb(wait: Wait) -> None:
            if wait(drawn.uniform(0, 0.8 * seconds)):
                allow([{"role": "read", "db": "fiftyone"}])

        def log_in() -> None:
            _log_in(world.uri_of("fiftyone:secret@"))

        try:
            yield Fault(prepare=log_in, disturb=disturb)
        finally:
            allow(roles)
    for name in ("fiftyone", "admin"):
        world.client.admin.command("dropUser", name)


@contextlib.contextmanager
def database_full(world: World, seconds: float, drawn: Random) -> Iterator[Fault]:
    """The disk with the server's files is full from an instant on."""
    place = world.home / "small-database"
    with _mounted(place, "1g"):
        server = world.server
        server.kill(signal.SIGTERM)
        subprocess.run(["cp", "-a", f"{server.folder}/.", str(place)], check=True)
        own, server.folder = server.folder, place
        # So that it needs space within a second: its journal has some in reserve
        server.options = ["--syncdelay", "1"]
        server.start()
        ballast = place / "ballast"

        def disturb(wait: Wait) -> None:
            if wait(drawn.uniform(0, 0.5 * seconds)):
                _fill(ballast)

        try:
            yield Fault(disturb=disturb)
        finally:
            ballast.unlink(missing_ok=True)
            server.kill(signal.SIGTERM if server.running else signal.SIGKILL)
            server.folder, server.options = own, []
            subprocess.run(["cp", "-a", f"{place}/.", str(own)], check=True)
            server.start()


@contextlib.contextmanager
def folder_full(world: World, seconds: float, drawn: Random) -> Iterator[Fault]:
    """The disk with the runs' files is full from an instant on."""
    with _moved_to_mount(world, "512m"):
        ballast = world.runs / ".ballast"

        def disturb(wait: Wait) -> None:
            if wait(drawn.uniform(0, 0.8 * seconds)):
                _fill(ballast)

        yield Fault(disturb=disturb)
        ballast.unlink(missing_ok=True)


@contextlib.contextmanager
def folder_read_only(world: World, seconds: float, drawn: Random) -> Iterator[Fault]:
    """The file system with the runs' files is read-only from an instant on."""
    with _moved_to_mount(world, "512m"):

        def disturb(wait: Wait) -> None:
            if wait(drawn.uniform(0, 0.8 * seconds)):
                # Refused while a file is being written
                while not _remount(world.runs, "ro") and wait(0.0):
                    pass

        yield Fault(disturb=disturb)
        _remount(world.runs, "rw")


@contextlib.contextmanager
def folder_forbidden(world: World, seconds: float, drawn: Random) -> Iterator[Fault]:
    """Nobody may write to the folders of the runs' files, from an instant on."""

    def disturb(wait: Wait) -> None:
        if wait(drawn.uniform(0, 0.8 * seconds)):
            _set_mode(world.runs, 0o555)

    yield Fault(prepare=obey_permissions, disturb=disturb)
    _set_mode(world.runs, 0o755)


@contextlib.contextmanager
def mask_forbidden(world: World, seconds: float, drawn: Random) -> Iterator[Fault]:
    """Nobody may read one of the masks."""
    chosen = list(world.mine.glob(f"*/masks/{_UNREADABLE}"))
    for path in chosen:
        path.chmod(0)
    yield Fault(prepare=obey_permissions)
    for path in chosen:
        path.chmod(0o644)


def obey_permissions() -> None:
    """Makes this process one that files' permissions hold for, also where it is root's."""
    if os.geteuid():
        return
    libc = ctypes.CDLL(None, use_errno=True)
    header, sets = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0), (ctypes.c_uint32 * 6)()
    if libc.capget(header, sets):
        raise NotTried(f"capabilities cannot be read: {os.strerror(ctypes.get_errno())}")
    for place in (0, 1, 2):
        sets[place] &= ~_OVERRIDING
    if libc.capset(header, sets):
        raise NotTried(f"capabilities cannot be given up: {os.strerror(ctypes.get_errno())}")


def _set_mode(folder: Path, mode: int) -> None:
    for parent, _, _ in os.walk(folder, topdown=False):
        with contextlib.suppress(FileNotFoundError):
            os.chmod(parent, mode)


@contextlib.contextmanager
def _served_with(world: World, options: list[str], login: str) -> Iterator[None]:
    """The server with other options, and a login for this process."""
    world.server.kill(signal.SIGTERM)
    world.server.options = options
    world.server.start()
    world.connect(world.uri_of(login))
    try:
        yield
    finally:
        world.server.kill(signal.SIGTERM)
        world.server.options = []
        world.server.start()
        world.connect(world.uri_of(""))


def _log_in(uri: str) -> None:
    import fiftyone as fo

    fo.config.database_uri = uri


@contextlib.contextmanager
def _moved_to_mount(world: World, size: str) -> Iterator[None]:
    """The runs' files on a small file system of their own; the files are kept when it is unmounted."""
    kept = world.home / "kept"
    subprocess.run(["cp", "-a", str(world.runs), str(kept)], check=True)
    try:
        with _mounted(world.runs, size):
            subprocess.run(["cp", "-a", f"{kept}/.", str(world.runs)], check=True)
            yield
            subprocess.run(["rm", "-rf", str(kept)], check=True)
            subprocess.run(["cp", "-a", str(world.runs), str(kept)], check=True)
        subprocess.run(["rm", "-rf", str(world.runs)], check=True)
        subprocess.run(["cp", "-a", str(kept), str(world.runs)], check=True)
    finally:
        subprocess.run(["rm", "-rf", str(kept)], check=True)


@contextlib.contextmanager
def _mounted(place: Path, size: str) -> Iterator[None]:
    place.mkdir(exist_ok=True)
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "tmpfs", str(place)], capture_output=True, text=True
    )
    if made.returncode:
        raise NotTried(f"no file system can be mounted here: {made.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def _remount(place: Path, how: str) -> bool:
    return not subprocess.run(["mount", "-o", f"remount,{how}", str(place)], capture_output=True).returncode


def _fill(ballast: Path) -> None:
    """Writes a file until there is no space left."""
    with open(ballast, "wb", buffering=0) as file, contextlib.suppress(OSError):
        for size in (1 << 20, 1 << 12, 1):
            with contextlib.suppress(OSError):
                while True:
                    file.write(bytes(size))


_WRITES_FILES = (
    *("audit", "audit-training", "audit-overwriting", "score", "suspects", "correct", "benchmark"),
    *("corrections", "export", "report"),
)
_AUDITS = ("audit", "benchmark")


def _writes_files(operation: Operation) -> bool:
    return operation.name in _WRITES_FILES


#: Of a run's folder, and of one that is a parameter
_NOT_WRITABLE = ("Make it writable", "a folder that can be written to")
_LOST = "The connection to FiftyOne's database (MongoDB) was lost"
CASES = (
    Case("database killed", database_killed, (_LOST,)),
    Case("database restarted", database_restarted, (_LOST,)),
    Case("database read-only", database_read_only, ("Give that user the role readWrite",)),
    Case("database's disk full", database_full, (_LOST, "The disk of FiftyOne's database (MongoDB) is full")),
    Case("folder's disk full", folder_full, ("The disk is full", "Free some space"), _writes_files),
    Case("folder read-only", folder_read_only, _NOT_WRITABLE, _writes_files),
    Case("folder forbidden", folder_forbidden, _NOT_WRITABLE, _writes_files),
    Case("mask forbidden", mask_forbidden, ("/masks/003.png",), lambda operation: operation.name in _AUDITS),
)
