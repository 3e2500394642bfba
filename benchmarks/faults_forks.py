"""Runs work in forks of this process, which has imported everything, and kills them: at an instant, or at a step.

A step is a command that writes to the database, or a change of a file: those leave what a kill can leave half done, and
lie too close together for random instants to find every gap between them.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pymongo import monitoring

#: Kinds of kills: after so many seconds, before the n-th write to the database, before the n-th change of a file
INSTANT, WRITE, FILE = "instant", "database write", "file change"
_WRITES = ("insert", "update", "delete", "findAndModify", "create", "drop", "createIndexes", "dropIndexes", "collMod")
_CHANGES = ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.truncate")
#: Seconds after which a fork is given up as stuck
_PATIENCE = 300.0


@dataclass(frozen=True)
class Kill:
    """When a fork is killed.

    Args:
        kind: `INSTANT`, `WRITE` or `FILE`
        at: seconds since the work began, or the number of the step, from 1
    """

    kind: str
    at: float


@dataclass(frozen=True)
class Outcome:
    """How a fork ended.

    Args:
        signal: that ended it, or 0
        error: type and text of what the work raised, or None
        explained: whether that was a `LabelQualityError`
        seconds: of the work; of a killed one, until then
        steps: kind to the number of steps taken
        result: what the work returned
    """

    signal: int
    error: str | None = None
    explained: bool = False
    seconds: float = 0.0
    steps: dict[str, int] = field(default_factory=dict)
    result: Any = None

    @property
    def killed(self) -> bool:
        """Whether it was killed before it was done."""
        return self.signal == signal.SIGKILL


def fork(
    work: Callable[..., Any],
    kill: Kill | None = None,
    *,
    load: Callable[[], Any] | None = None,
    prepare: Callable[[], None] = lambda: None,
    disturb: Callable[[Callable[[float], bool]], bool | None] | None = None,
) -> Outcome:
    """Runs the work in a process group of its own, with a connection of its own to the database.

    Args:
        work: what to run, with what ``load`` gives; its result must be JSON-serialisable
        kill: when to kill the whole group
        load: runs in the fork after it has connected, before the work is taken to begin
        prepare: runs in the fork before it connects
        disturb: runs in this process while the work is under way; it gets a function that waits some seconds and
            returns whether the work is still under way, and returns True to have the whole group killed
    """
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        _perform(work, kill, load, prepare, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        lines = _Lines(pipe.fileno())
        begun = lines.next(_PATIENCE)
        started = time.monotonic()
        if begun is not None and kill is not None and kill.kind == INSTANT:
            if lines.wait(kill.at):
                _kill_group(child)
        elif begun is not None and disturb is not None and disturb(lines.wait):
            _kill_group(child)
        told = lines.next(_PATIENCE) if begun is not None else None
        seconds = time.monotonic() - started
        if told is None:
            _kill_group(child)
    _, status = os.waitpid(child, 0)
    number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    if told is None:
        return Outcome(number or signal.SIGKILL, seconds=seconds)
    return Outcome(number, **told)


def _perform(
    work: Callable[..., Any],
    kill: Kill | None,
    load: Callable[[], Any] | None,
    prepare: Callable[[], None],
    writing: int,
) -> None:
    """The fork's life; it never returns."""
    os.setsid()
    answer: dict[str, Any]
    try:
        prepare()
        steps = _Steps(kill)
        _connect()
        loaded = [] if load is None else [load()]
        _tell(writing, {})
        steps.counting = True
        started = time.monotonic()
        answer = _attempt(lambda: work(*loaded))
        steps.counting = False
        answer |= {"seconds": time.monotonic() - started, "steps": steps.taken}
    except BaseException as error:
        answer = {"error": f"{type(error).__name__}: {error}"}
        _tell(writing, {})
    _tell(writing, answer)
    os._exit(0)


def _attempt(work: Callable[[], Any]) -> dict[str, Any]:
    from label_quality.plugin.base.errors import LabelQualityError

    try:
        return {"result": work()}
    except BaseException as error:
        text = f"{type(error).__name__}: {error}"
        if os.environ.get("LABEL_QUALITY_FAULTS_TRACE") and not isinstance(error, LabelQualityError):
            import traceback

            traceback.print_exc()
        return {"error": text, "explained": isinstance(error, LabelQualityError)}


def _connect() -> None:
    import fiftyone as fo
    import fiftyone.core.odm as odm
    from fiftyone.factory import repo_factory

    odm.database._disconnect()
    # FiftyOne's stores of operators keep the connection that they have begun with
    repo_factory._db = None
    repo_factory.RepositoryFactory.repos.clear()
    odm.establish_db_conn(fo.config)


class _Steps(monitoring.CommandListener):
    """Counts the steps of this process, and ends its group before one of them."""

    def __init__(self, kill: Kill | None) -> None:
        self.kill, self.counting, self.taken = kill, False, {WRITE: 0, FILE: 0}
        monitoring.register(self)
        sys.addaudithook(self._audit)

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        """Called before a command is sent."""
        stages = event.command.get("pipeline", ()) if event.command_name == "aggregate" else ()
        if event.command_name in _WRITES or any({"$merge", "$out"} & set(stage) for stage in stages):
            self._take(WRITE)

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Called after a command."""

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """Called after a command that was refused."""

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        opens = event == "open" and isinstance(arguments[2], int) and bool(arguments[2] & (os.O_WRONLY | os.O_RDWR))
        if opens or event in _CHANGES:
            self._take(FILE)

    def _take(self, kind: str) -> None:
        if not self.counting:
            return
        self.taken[kind] += 1
        if self.kill is not None and self.kill.kind == kind and self.taken[kind] >= self.kill.at:
            os.killpg(0, signal.SIGKILL)


class _Lines:
    """The JSON lines of a pipe, with patience."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor, self._rest = descriptor, b""

    def wait(self, seconds: float) -> bool:
        """Waits that long, or until something has come; returns whether nothing has."""
        return not (self._rest or select.select([self._descriptor], [], [], seconds)[0])

    def next(self, seconds: float) -> dict[str, Any] | None:
        """The next line; None where the pipe ends first, or nothing comes in time."""
        until = time.monotonic() + seconds
        while b"\n" not in self._rest:
            if not select.select([self._descriptor], [], [], max(0.0, until - time.monotonic()))[0]:
                return None
            data = os.read(self._descriptor, 1 << 16)
            if not data:
                return None
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        found: dict[str, Any] = json.loads(line)
        return found


def _tell(descriptor: int, content: dict[str, Any]) -> None:
    data = json.dumps(content).encode() + b"\n"
    while data:
        data = data[os.write(descriptor, data) :]


def _kill_group(leader: int) -> None:
    try:
        os.killpg(leader, signal.SIGKILL)
    except ProcessLookupError:
        os.kill(leader, signal.SIGKILL)
