"""What tests take in seconds of CPU, by folder: ``python -m pytest -p tests.cpu_times -p no:xdist tests/…``.

Wall time says as much of a machine as of the tests. All processes count that a test starts: databases, browsers, the
App's server. Of one that ends unnoticed, as a browser's page does, what it takes after its test is lost.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

_SECONDS: dict[str, float] = defaultdict(float)
_SLOWEST = 15
#: Seconds when the last test ended
_COUNTED = 0.0


def _used() -> float:
    """Seconds of CPU of this process and all below it, those that have ended among them."""
    used, this = 0.0, psutil.Process()
    for process in (this, *this.children(recursive=True)):
        try:
            used += sum(process.cpu_times()[:4])
        except psutil.Error:
            continue
    return used


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Counts a test with its fixtures; once a test, as to look at all processes takes as long as a short test."""
    global _COUNTED
    before = _COUNTED if _SECONDS else _used()
    try:
        return (yield)
    finally:
        _COUNTED = _used()
        # Less than before where processes have ended that nobody waits for
        _SECONDS[item.nodeid] += max(0.0, _COUNTED - before)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    folders: dict[str, float] = defaultdict(float)
    for test, seconds in _SECONDS.items():
        path = Path(test.partition("::")[0])
        folders[str(path.parent if len(path.parts) > 2 else path)] += seconds
    terminalreporter.section("seconds of CPU")
    for times, shown in ((folders, len(folders)), (_SECONDS, _SLOWEST)):
        for name in sorted(times, key=times.__getitem__, reverse=True)[:shown]:
            terminalreporter.write_line(f"{times[name]:7.1f}  {name}")
    terminalreporter.write_line(f"{sum(_SECONDS.values()):7.1f}  in all")
