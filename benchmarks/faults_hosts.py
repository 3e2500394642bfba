"""Processes on several hosts, or in several containers, that share a folder: one of them at a time may work there."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

from .faults_cases import NotTried, Wait
from .faults_forks import Outcome, fork
from .faults_operations import Operation
from .faults_world import World

_CLONE_NEWNS, _CLONE_NEWUTS, _CLONE_NEWPID = 0x00020000, 0x04000000, 0x20000000
_REFUSED = "Another run is using"


def try_hosts(world: World, operation: Operation, again: Callable[[], None]) -> list[str]:
    """Has other hosts start an operation that is under way on a first one, and once it was killed there.

    Args:
        world: as the operation finds it
        operation: what is started
        again: puts the world back as the operation finds it

    Returns:
        what went wrong; the state afterwards is to be that after one undisturbed run

    Raises:
        NotTried: the system does not let us
    """
    wrong: list[str] = []
    others = {"another host": on_host("host-b"), "a container on the same one": in_container_on("host-a")}

    def start(prepare: Callable[[], None], disturb: Callable[[Wait], bool] | None = None) -> Outcome:
        return fork(operation.work, load=operation.load, prepare=prepare, disturb=disturb)

    def locked(wait: Wait) -> bool:
        while not any(lock.stat().st_size for lock in _locks(world)):
            if not wait(0.01):
                return False
        return True

    def meanwhile(wait: Wait) -> bool:
        if locked(wait):
            holder = json.loads(_locks(world)[0].read_text())["pid"]
            # Lest it is done before the others have begun
            os.kill(holder, signal.SIGSTOP)
            for name, prepare in others.items():
                wrong.extend(_unless_refused(start(prepare), name))
            os.kill(holder, signal.SIGCONT)
        return False

    first = start(on_host("host-a"), meanwhile)
    if (first.error or "").startswith(f"{NotTried.__name__}: "):
        raise NotTried(str(first.error).partition(": ")[2])
    wrong += [f"the first one ended with {first.error}"] if first.error else []
    again()
    if start(on_host("host-a"), locked).killed and _locks(world):
        wrong += _unless_refused(start(on_host("host-b")), "another host, after a kill")
        for lock in _locks(world):
            lock.unlink()
    last = start(on_host("host-b"))
    return [*wrong, *([f"once the lock was deleted, it ended with {last.error}"] if last.error else [])]


def _locks(world: World) -> list[Path]:
    return list(world.runs.rglob(".lock"))


def _unless_refused(outcome: Outcome, who: str) -> list[str]:
    """What is wrong where a second run was not told about the first one."""
    if outcome.explained and _REFUSED in (outcome.error or ""):
        return []
    return [f"{who} was not refused: it ended with {outcome.error or 'a result'}"]


def on_host(name: str) -> Callable[[], None]:
    """Makes a process one on a host of another name."""

    def prepare() -> None:
        _unshare(_CLONE_NEWUTS)
        socket.sethostname(name)

    return prepare


def in_container_on(name: str) -> Callable[[], None]:
    """Makes a process one in a container that has its host's name, as with ``docker run --network host``."""

    def prepare() -> None:
        _unshare(_CLONE_NEWUTS | _CLONE_NEWNS | _CLONE_NEWPID)
        socket.sethostname(name)
        child = os.fork()
        if child:
            os.waitpid(child, 0)
            os._exit(0)
        subprocess.run(["mount", "--make-rprivate", "/"], check=True)
        subprocess.run(["mount", "-t", "proc", "proc", "/proc"], check=True)

    return prepare


def _unshare(flags: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(flags):
        raise NotTried(f"no namespaces can be made here: {os.strerror(ctypes.get_errno())}")
