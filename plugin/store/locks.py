"""One run at a time in a folder: a lock file that says who holds it, and that outlives no dead process.

Not filelock, whose locks (4.3) were tried in the cases of ``tests/store/test_locks.py``. Its ``FileLock`` asks only the
kernel: on a shared file system that passes no locks on, two hosts hold it at once, and nobody is told who does. Its
``SoftFileLock`` takes over the lock of a running process on another machine of the same name and that of a running
process of version 0.1.0, and never that of a container which has ended.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from ..base.errors import LabelQualityError
from .containers import make_folder, writing_error

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

LOCK_NAME = ".lock"
#: A lock file without content is being written, unless it stays so for this many seconds
_PATIENCE = 1.0
#: Seconds between two looks at a lock that is waited for
_PAUSE = 0.1
_GUARD_NAME = ".lock-takeover.tmp"
#: A guard is held for microseconds; one that is older, in seconds, is what a kill left
_GUARD_LIFETIME = 10.0


@contextlib.contextmanager
def locked(folder: Path, patience: float = 0.0) -> Iterator[None]:
    """Holds the folder for one run; a lock whose process on this host is dead is taken over.

    Args:
        folder: made if it does not exist
        patience: seconds to wait for another run that holds it

    Raises:
        LabelQualityError: another run, or another thread of this process, holds it
    """
    make_folder(folder)
    path = folder / LOCK_NAME
    mine = _identity()
    descriptor = _acquire(path, mine, patience)
    try:
        yield
    finally:
        # Where the folder may not be written to any more, the file stays: it holds nobody up, as it is not locked
        with contextlib.suppress(OSError):
            if _read(path) == mine:
                path.unlink(missing_ok=True)
        os.close(descriptor)


def remove_stale(folder: Path) -> None:
    """Removes a lock that no run holds any more, where the folder may be written to."""
    path = folder / LOCK_NAME
    holder = _read(path)
    if holder is not None and not _alive(path, holder, _identity()):
        with contextlib.suppress(LabelQualityError):
            _take_away(path, holder)


def is_locked(folder: Path) -> bool:
    """Whether a run holds the folder; a process of this host that has ended holds nothing."""
    path = folder / LOCK_NAME
    holder = _read(path)
    return holder is not None and _alive(path, holder, _identity())


def _acquire(path: Path, mine: dict[str, Any], patience: float) -> int:
    """Writes the lock, and returns a descriptor of its file: it stays open, and locked, while the lock is held."""
    deadline = time.monotonic() + patience
    while (descriptor := _create(path, mine)) is None:
        holder = _patient_read(path)
        if holder is None or not _alive(path, holder, mine):
            _take_away(path, holder)
        elif time.monotonic() < deadline:
            time.sleep(_PAUSE)
        else:
            raise LabelQualityError(_busy(path, holder))
    return descriptor


def _create(path: Path, mine: dict[str, Any]) -> int | None:
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
    except FileExistsError:
        return None
    except OSError as error:
        raise writing_error(error, path.parent) from error
    kept = None
    try:
        kept = os.open(path, os.O_RDONLY)
        # Before there is a content that others could judge by
        mine["locked"] = _lock_file(kept)
        os.write(descriptor, json.dumps(mine).encode())
    except OSError as error:
        if kept is not None:
            os.close(kept)
        path.unlink(missing_ok=True)
        raise writing_error(error, path.parent) from error
    finally:
        os.close(descriptor)
    return kept


def _take_away(path: Path, stale: dict[str, Any] | None) -> None:
    """Removes a stale lock. Only who holds the guard may, lest a slow process removes the lock of a faster one."""
    guard = path.with_name(_GUARD_NAME)
    try:
        os.close(os.open(guard, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
    except FileExistsError:
        _wait_for_guard(guard)
        return
    except OSError as error:
        raise writing_error(error, path.parent) from error
    try:
        if _read(path) == stale:
            path.unlink(missing_ok=True)
    finally:
        guard.unlink(missing_ok=True)


def _wait_for_guard(guard: Path) -> None:
    time.sleep(0.01)
    with contextlib.suppress(FileNotFoundError):
        if time.time() - guard.stat().st_mtime > _GUARD_LIFETIME:
            guard.unlink()


def _patient_read(path: Path) -> dict[str, Any] | None:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        holder = _read(path)
        if holder is not None or not path.exists():
            return holder
        time.sleep(0.02)
    return None


def _read(path: Path) -> dict[str, Any] | None:
    try:
        holder = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return holder if isinstance(holder, dict) and {"host", "pid", "process_started"} <= set(holder) else None


def _identity() -> dict[str, Any]:
    process = psutil.Process()
    return {
        "host": socket.gethostname(),
        "machine": _first_line("/etc/machine-id"),
        "boot": _first_line("/proc/sys/kernel/random/boot_id"),
        "processes": _link("/proc/self/ns/pid"),
        "pid": process.pid,
        "process_started": process.create_time(),
        "since": time.strftime("%Y-%m-%d %H:%M:%S"),
        "token": os.urandom(8).hex(),
    }


def _alive(path: Path, holder: dict[str, Any], mine: dict[str, Any]) -> bool:
    """Whether the holder may still be running; a process number given to another process since is no holder."""
    if holder["host"] != mine["host"] or _differ(holder, mine, "machine"):
        return True
    elsewhere = not _differ(holder, mine, "boot") and _differ(holder, mine, "processes")
    # The processes of another container on this machine cannot be seen from here, but whether its file is locked can
    return (elsewhere or _is_running(holder)) and (not holder.get("locked") or _is_locked(path))


def _is_running(holder: dict[str, Any]) -> bool:
    try:
        return abs(psutil.Process(holder["pid"]).create_time() - holder["process_started"]) < 1.0
    except psutil.NoSuchProcess:
        return False
    except psutil.Error:
        return True


def _differ(holder: dict[str, Any], mine: dict[str, Any], name: str) -> bool:
    """Whether both say something of that name, as on Linux and not in locks of version 0.1.0, and not the same."""
    return bool(holder.get(name) and mine[name] and holder[name] != mine[name])


def _lock_file(descriptor: int) -> bool:
    """Has the system lock the file until this process ends; returns whether its file system can."""
    if fcntl is None:
        return False
    try:
        # Shared, as a file that is only open for reading can be locked on every file system
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _is_locked(path: Path) -> bool:
    """Whether a process has the file locked, or that cannot be told."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def _first_line(path: str) -> str:
    try:
        return Path(path).read_text().partition("\n")[0].strip()
    except OSError:
        return ""


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""


def _busy(path: Path, holder: dict[str, Any]) -> str:
    return (
        f"Another run is using {path.parent}: process {holder['pid']} on {holder['host']}, since "
        f"{holder.get('since', 'an unknown time')}. Wait for it to end or use another `key`; if it is no longer "
        f"running, delete {path}."
    )
