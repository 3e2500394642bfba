"""Running the engine under FiftyOne: streamed to the App, called from Python, or delegated, with progress in each."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, wait
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, ClassVar

import fiftyone.operators as foo
import fiftyone.operators.types as types
from fiftyone.operators.executor import ExecutionError, ExecutionResult
from fiftyone.operators.message import GeneratedMessage, MessageType

from ..plugin.base.console import time_left
from ..plugin.base.course import Course
from ..plugin.base.database_errors import database_errors, explain
from ..plugin.base.errors import LabelQualityError
from ..plugin.base.progress import Progress, showing
from .form.parameters import in_labels, labels_of
from .output.plain_text import plain

logger = logging.getLogger(__name__)

#: Seconds between two progress updates: each is a message to the browser or a write to the database
INTERVAL = 0.5
#: Seconds after which the last progress is repeated: how a page that was closed is noticed, and that a worker is alive
HEARTBEAT = 10.0
#: The operator of ``assets/app.js`` that has the open panel look for runs
REFRESH_PANEL = "refresh_panel"
#: The one that gives the sidebar the groups that the dataset has
MEND_SIDEBAR = "mend_sidebar"
#: That which opens a sample, or draws fields, once the page shows another view
IN_NEXT_VIEW = "in_next_view"
#: That which says that the run goes on, in place of a button "Done"
MARK_PROGRESS = "mark_progress"

#: The engine's work: it reports its progress and returns a JSON-serialisable summary
Work = Callable[[Progress], dict[str, Any]]
#: Shows a label and the share done in [0, 1], None where it is not known
Show = Callable[[str, float | None], None]


class RunStopped(Exception):
    """The page that watched the run was closed; what is finished is on disk, and a new run continues from there."""


@dataclass
class PythonCall:
    """What a call from Python adds to FiftyOne's own parameters, and what it gets back.

    Args:
        progress: whether to draw progress bars
        summary: what the run returned
        error: why it failed
    """

    progress: bool
    summary: dict[str, Any] | None = None
    error: LabelQualityError | None = None


_python_call: ContextVar[PythonCall | None] = ContextVar("python_call", default=None)


class EngineOperator(foo.Operator, ABC):
    """Base of the operators that keep the engine busy for seconds to hours.

    Attributes:
        operator_name: FiftyOne's name of it
        title: its name in the App
        description: one sentence in the App's list of operators
        icon: a file of the plugin
        offers_target: whether its form has FiftyOne's choice of dataset, view or selected samples
        risk: what FiftyOne is told that it may do: ``medium`` where it writes fields or files
    """

    operator_name: ClassVar[str]
    title: ClassVar[str]
    description: ClassVar[str]
    icon: ClassVar[str]
    offers_target: ClassVar[bool] = False
    risk: ClassVar[str] = "medium"

    @property
    def config(self) -> foo.OperatorConfig:
        """FiftyOne's description of the operator."""
        return foo.OperatorConfig(
            name=self.operator_name,
            label=self.title,
            description=self.description,
            icon=self.icon,
            dynamic=True,
            execute_as_generator=True,
            allow_immediate_execution=True,
            allow_delegated_execution=True,
            risk_level=self.risk,
            view_target=self.offers_target,
        )

    @abstractmethod
    def run(self, ctx: Any, progress: Progress) -> dict[str, Any]:
        """Runs the engine with the context's parameters and returns the summary that `output` shows."""

    @abstractmethod
    def output(self, summary: Mapping[str, Any]) -> types.Property:
        """What the App shows at the end."""

    @abstractmethod
    def message(self, summary: Mapping[str, Any]) -> str:
        """One sentence for the App's notification."""

    def shown(self, ctx: Any, summary: Mapping[str, Any]) -> Any | None:
        """The view that the App shows at the end of an immediate run; None where it stays at its own.

        Not by a saved view's name: the page does not know yet of one that the run has just made.
        """
        return None

    def resolve_output(self, ctx: Any) -> types.Property | None:
        """The output of a delegated run; an immediate one shows its own, in place of its progress."""
        return self.output(ctx.results) if ctx.results else None

    def execute(self, ctx: Any) -> Any:
        """FiftyOne's entry: the summary of a delegated run, or a generator of the messages of an immediate one."""
        if not ctx.delegated:
            return self._execute_immediately(ctx)
        try:
            with (
                database_errors(),
                kept_alive(lambda label, share: ctx.set_progress(progress=share, label=label)) as show,
            ):
                return self.run(ctx, Throttled(show))
        except LabelQualityError as error:
            raise error.with_traceback(None) from None

    def call(self, ctx: dict[str, Any], params: dict[str, Any], delegate: bool, progress: bool) -> Any:
        """Runs the operator from Python.

        Args:
            ctx: the ``dataset`` or ``view`` to work on
            params: the operator's parameters
            delegate: queue the run for ``fiftyone delegated launch`` instead
            progress: draw progress bars

        Returns:
            an ``ExecutionResult`` whose ``result`` is the run's summary; in a notebook, an ``asyncio.Task`` of it

        Raises:
            ExecutionError: with the engine's own message
        """
        call = PythonCall(progress)
        token = _python_call.set(call)
        try:
            result = foo.execute_operator(self.uri, ctx, params=params, request_delegation=delegate)
        except ExecutionError:
            if call.error is None:
                raise
            raise ExecutionError(str(call.error)) from None
        finally:
            _python_call.reset(token)
        if isinstance(result, ExecutionResult) and call.summary is not None:
            result.result = call.summary
        return result

    def _execute_immediately(self, ctx: Any) -> Iterator[GeneratedMessage]:
        if _exhausted_by_fiftyone():
            self._run_here(ctx)
        else:
            yield from self._stream(ctx)

    def _run_here(self, ctx: Any) -> None:
        call = _python_call.get() or PythonCall(progress=False)
        try:
            with database_errors(), showing(call.progress) as progress:
                call.summary = self.run(ctx, progress)
        except LabelQualityError as error:
            call.error = error
            raise

    def _stream(self, ctx: Any) -> Iterator[GeneratedMessage]:
        future: Future[dict[str, Any]] = Future()
        colors, groups = colors_of(ctx.dataset), groups_of(ctx.dataset)
        for label, share in watch(lambda progress: self.run(ctx, progress), future):
            yield ctx.ops.set_progress(label=label, progress=share)
            yield ctx.trigger(f"{self.plugin_name}/{MARK_PROGRESS}")
        error = future.exception()
        if error is not None:
            yield from self._failed(ctx, error)
            return
        summary = future.result()
        yield ctx.ops.reload_dataset()
        yield ctx.trigger(f"{self.plugin_name}/{REFRESH_PANEL}")
        if colors_of(ctx.dataset) != colors:
            # An open page keeps the colours that it began with, also when it loads the dataset again
            yield ctx.trigger("set_color_scheme", colors_of(ctx.dataset))
        yield ctx.ops.notify(self.message(summary), variant="success" if not summary.get("failures") else "warning")
        view = self.shown(ctx, summary)
        if view is not None:
            yield ctx.ops.set_view(view=view)
        if groups_of(ctx.dataset) != groups:
            # Nor does it know of groups that are new
            yield ctx.trigger(f"{self.plugin_name}/{MEND_SIDEBAR}", {"groups": groups_of(ctx.dataset)})
        # In place of the progress, whose dialog would otherwise stay in front of the output
        yield ctx.ops.show_output(self.output(summary).to_json(), summary)

    def _failed(self, ctx: Any, error: BaseException) -> Iterator[GeneratedMessage]:
        text = in_labels(failure_text(error), labels_of(self.operator_name))
        outputs = types.Object()
        outputs.view("error", types.Error(label=plain(text)))
        yield ctx.ops.show_output(types.Property(outputs).to_json(), {})
        yield FailureMessage(text)


@dataclass
class Body:
    """A summary as FiftyOne's messages carry it."""

    content: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """The JSON that the App gets as the operator's result."""
        return self.content


class FailureMessage(GeneratedMessage):
    """Ends a stream with an error that the App shows word for word; a raised one would only break the connection."""

    def __init__(self, text: str) -> None:
        super().__init__(MessageType.ERROR, cls=ExecutionResult, body=Body({}))
        self.text = text

    def to_json(self) -> dict[str, Any]:
        """The message with the ``error`` that the App looks for."""
        return {**super().to_json(), "error": self.text}


def failure_text(error: BaseException) -> str:
    """The engine's own text as it is; any other error with its type, and its traceback in the log."""
    explained = error if isinstance(error, LabelQualityError) else explain(error)
    if explained is not None:
        return str(explained)
    logger.error("The run failed", exc_info=error)
    return f"{type(error).__name__}: {error}. The server's log has the details."


def watch(work: Work, future: Future[dict[str, Any]]) -> Iterator[tuple[str, float | None]]:
    """Runs the work in a thread and yields its progress as (label, share done) until the future has its outcome.

    Closing the iterator stops the work at its next report.
    """
    shown: tuple[str, float | None] | None = None
    shown_at = 0.0
    progress = _Watched()

    def target() -> None:
        try:
            future.set_result(work(progress))
        except RunStopped:
            future.cancel()
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=target, name="label-quality-run", daemon=True).start()
    try:
        while not future.done():
            if progress.latest != shown or time.monotonic() - shown_at > HEARTBEAT:
                shown, shown_at = progress.latest, time.monotonic()
                yield shown
            wait([future], timeout=INTERVAL)
    finally:
        progress.stopped.set()


@contextlib.contextmanager
def kept_alive(show: Show) -> Iterator[Show]:
    """A way to show progress, the last of which is shown again every `HEARTBEAT` seconds until the block is left.

    So a run that is busy with one long step is told from one whose process was killed.
    """
    latest: tuple[str, float | None] = ("Starting", None)
    turn, ended = threading.Lock(), threading.Event()

    def show_next(label: str, share: float | None) -> None:
        nonlocal latest
        with turn:
            latest = (label, share)
            show(label, share)

    def repeat() -> None:
        while not ended.wait(HEARTBEAT):
            # A database that is away for a moment is the run's own concern
            with turn, contextlib.suppress(Exception):
                show(*latest)

    thread = threading.Thread(target=repeat, name="label-quality-heartbeat", daemon=True)
    thread.start()
    try:
        yield show_next
    finally:
        ended.set()
        thread.join()


class Reports:
    """Reports of progress as a label and a share: of the whole run where its stages are known, else of the stage."""

    def __init__(self) -> None:
        self._course: Course | None = None

    def expect(self, seconds: Mapping[str, float]) -> None:
        """Shows how far the whole run is, whose stages these are."""
        self._course = Course(seconds)

    def describe(self, stage: str, done: int, total: int) -> tuple[str, float | None]:
        """The label and the share in [0, 1] of a report, None where that is not known."""
        label = f"{stage}: {done:,} of {total:,}" if total > 1 else stage
        if self._course is not None:
            standing = self._course.at(stage, done, total)
            return f"{label} · {time_left(standing.left)}", standing.share
        return label, min(done / total, 1.0) if total > 0 else None


class _Watched(Reports):
    """A `Progress` whose last report somebody else looks at; it ends the work once nobody does."""

    def __init__(self) -> None:
        super().__init__()
        self.latest: tuple[str, float | None] = ("Starting", None)
        self.stopped = threading.Event()

    def __call__(self, stage: str, done: int, total: int) -> None:
        if self.stopped.is_set():
            raise RunStopped
        self.latest = self.describe(stage, done, total)


class Throttled(Reports):
    """A `Progress` that shows a stage's first and last report, and others at most every `INTERVAL` seconds."""

    def __init__(self, show: Show) -> None:
        super().__init__()
        self._show = show
        self._stage, self._shown_at = "", 0.0

    def __call__(self, stage: str, done: int, total: int) -> None:
        now = time.monotonic()
        described = self.describe(stage, done, total)
        if stage == self._stage and done < total and now - self._shown_at < INTERVAL:
            return
        self._stage, self._shown_at = stage, now
        self._show(*described)


def colors_of(dataset: Any) -> dict[str, Any]:
    """What of a dataset's colour scheme a run may set, as FiftyOne's `set_color_scheme` takes it."""
    scheme = dataset.app_config.color_scheme if dataset is not None else None
    return {} if scheme is None else {"color_by": scheme.color_by, "fields": list(scheme.fields or [])}


def groups_of(dataset: Any) -> list[dict[str, Any]]:
    """Name and paths of each group of the sidebar, in order; none where the dataset leaves them to the App."""
    groups = dataset.app_config.sidebar_groups if dataset is not None else None
    return [{"name": one.name, "paths": list(one.paths)} for one in groups or []]


def _exhausted_by_fiftyone() -> bool:
    """Whether a Python call or a pipeline runs the generator: in an event loop; the App's stream uses a thread."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
