"""What the panel knows of runs without reading their results: which there are, and which are under way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from pathlib import Path
from typing import Any

import fiftyone as fo
from fiftyone.factory import DelegatedOperationPagingParams
from fiftyone.operators.delegated import DelegatedOperationService
from fiftyone.operators.executor import ExecutionRunState as State

from ...plugin.documents.custom_runs import AUDIT
from ...plugin.documents.saved_views import repair
from ...plugin.records.record_parts import WRITING
from ...plugin.records.run_record import RunRecord, load_record
from ...plugin.samples.private_fiftyone import document_of, id_of
from ...plugin.store.locks import is_locked
from ..execution import HEARTBEAT

#: Newest operations that are looked at: older ones have ended, or will not
_LOOKED_AT = 20
_WAITING = (State.SCHEDULED, State.QUEUED)
_PENDING, _BROKEN = ("waiting", "running"), ("failed", "interrupted")
#: How long a running operation may say nothing before its process counts as dead: FiftyOne has it run for ever
_SILENCE = timedelta(seconds=6 * HEARTBEAT)


@dataclass(frozen=True)
class Header:
    """What is known of a run without reading its record: quick however large that is.

    Args:
        key: the run's key
        created: UTC time, ISO 8601
        version: another one whenever the record is saved
        label_field: with the given masks; empty where it is not known
    """

    key: str
    created: str
    version: str
    label_field: str = ""

    @property
    def identity(self) -> str:
        """What tells the run from another one of the same name, and its record from an earlier state."""
        return f"{self.key} {self.created} {self.version}"


@dataclass(frozen=True)
class Operation:
    """A delegated operation of this plugin on a dataset.

    Args:
        title: what it does, such as "Audit segmentation labels: ground_truth"
        state: ``waiting``, ``running``, ``failed`` or ``interrupted``; ``over`` where none of these
        stage: what it is at, was at, or why it failed
        share: of the stage that is done, in [0, 1]; None where not known
    """

    title: str
    state: str
    stage: str = ""
    share: float | None = None


def headers(dataset: Any, method: str = AUDIT) -> list[Header]:
    """The runs on a dataset, the oldest first; with another method, its other records."""
    repair(dataset)
    found = []
    for key in dataset.list_runs():
        config = dataset.get_run_info(key).config
        if config is not None and config.method == method:
            # Saving a record makes a new file of it in the database
            file = getattr(document_of(dataset).runs[key].results, "grid_id", None)
            created, label_field = (getattr(config, name, "") for name in ("created", "label_field"))
            found.append(Header(key, created, str(file), label_field))
    return sorted(found, key=lambda header: (header.created, header.key))


@lru_cache(maxsize=4)
def record_of(name: str, header: Header) -> RunRecord:
    """The record of a run of the dataset of that name; it is not to be changed.

    Of many issues it takes longer to read than a region takes to draw, or a click to be answered.
    """
    return load_record(fo.load_dataset(name), header.key)


def operations(dataset: Any, plugin: str) -> list[Operation]:
    """The plugin's operations on a dataset that wait or run, and the last one if it broke off; the newest first.

    Args:
        dataset: the dataset
        plugin: the plugin's name
    """
    paging = DelegatedOperationPagingParams(sort_by="queued_at", sort_direction=-1, limit=_LOOKED_AT)
    newest = DelegatedOperationService().list_operations(dataset_id=id_of(dataset), paging=paging)
    own = [_describe(one) for one in newest if one.operator.startswith(f"{plugin}/")]
    return [one for place, one in enumerate(own) if one.state in _PENDING or (place == 0 and one.state in _BROKEN)]


def under_way(found: Sequence[Operation]) -> bool:
    """Whether one of the operations is to change something yet."""
    return any(one.state in _PENDING for one in found)


def any_running(found: Sequence[Operation]) -> bool:
    """Whether a worker is at one of the operations."""
    return any(one.state == "running" for one in found)


def is_written(record: RunRecord) -> bool:
    """Whether a process is just writing the run's results to the dataset; where it was killed, none is."""
    return record.status == WRITING and record.folder is not None and is_locked(Path(record.folder))


def _describe(operation: Any) -> Operation:
    title = operation.label or operation.operator.rsplit("/", 1)[-1].replace("_", " ")
    if operation.run_state in _WAITING:
        return Operation(title, "waiting")
    if operation.run_state == State.FAILED:
        return Operation(title, "failed", _reason(operation))
    if operation.run_state in State.TERMINAL_STATES:
        return Operation(title, "over")
    status = operation.status
    stage, share = (status.label if status else None) or "Starting", status and status.progress
    return Operation(title, "running" if _heard_of(operation) else "interrupted", stage, share)


def _heard_of(operation: Any) -> bool:
    """Whether a running operation has lately said how far it is: runs repeat that while nothing new happens."""
    said = [operation.started_at, operation.updated_at, operation.status and operation.status.updated_at]
    now = datetime.now(timezone.utc)
    return any(now - _in_utc(moment) < _SILENCE for moment in said if moment is not None)


def _in_utc(moment: datetime) -> datetime:
    # FiftyOne gives times of no zone, which are UTC, unless it is configured to give those of a zone
    return moment.replace(tzinfo=timezone.utc) if moment.tzinfo is None else moment


def _reason(operation: Any) -> str:
    """The error in one line: FiftyOne keeps the whole traceback."""
    error = getattr(operation.result, "error", None) or getattr(operation.result, "error_message", None) or ""
    lines = [line for line in str(error).strip().splitlines() if line.strip()]
    last = lines[-1] if lines else "the log has no reason"
    name, _, rest = last.partition(": ")
    return rest if rest and name.replace(".", "").replace("_", "").isalnum() and name.endswith("Error") else last
