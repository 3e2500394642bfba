"""A call that has to wait until another run has written to the dataset, and keeps what that has written."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

NOTE = "Of another run, written while the call had to wait."
#: Seconds that the call has to end in where it does not wait
_LONG_ENOUGH = 2.0


def while_another_writes(dataset: Any, key: str, call: Callable[[], Any]) -> Any:
    """The record of the run after a call, which another one that wrote to the dataset had kept waiting."""
    from label_quality.plugin.records.run_record import load_record, save_record
    from label_quality.plugin.runs.turns import writing

    record = load_record(dataset, key)
    caller = threading.Thread(target=call)
    with writing(dataset, Path(str(record.folder))):
        caller.start()
        caller.join(_LONG_ENOUGH)
        waited = caller.is_alive()
        record.notes = [*record.notes, NOTE]
        save_record(dataset, record)
    caller.join()
    assert waited, "the call did not wait"
    after = load_record(dataset, key)
    assert NOTE in after.notes
    return after
