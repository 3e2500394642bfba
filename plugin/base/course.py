"""How far a run of several stages is, as one share, and how long it will still take."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from .timing import stage_name

#: Weight of the forecast in how fast this machine is taken to be, as a share of the whole run: the first stage alone
#: tells little
_PRIOR = 0.1
#: Seconds: how much longer than a shorter forecast a run takes is no measure of this machine, and no number at the end
_LEAST = 1e-3


@dataclass(frozen=True)
class Standing:
    """Where a run is.

    Args:
        share: of the run that is done, in [0, 1]; never less than before
        left: seconds that it will still take, at least 0
    """

    share: float
    left: float


class Course:
    """The standing of a run whose stages are known beforehand.

    What is left of the stage under way is what the forecast says at its start, and more and more what its own speed
    says: ``f · rate + (1 − f) · forecast`` when the share f of it is done. The forecast of what comes is corrected by
    how much longer than forecast the run has taken so far.

    Args:
        expected: name of each stage to the seconds that it is expected to take, in their order; a stage that is
            skipped, as a run that goes on skips those that are finished, counts as done without any time
    """

    def __init__(self, expected: Mapping[str, float]) -> None:
        self._names = list(expected)
        self._expected = dict(expected)
        self._began = self._stage_began = self._last = time.monotonic()
        self._stage, self._place = "", -1
        self._first = 0
        self._before: int | None = None
        self._spent = self._forecast = 0.0
        self._share = 0.0

    def at(self, stage: str, done: int, total: int) -> Standing:
        """The standing at a report of progress.

        Args:
            stage: its name; one that was not expected takes what it takes
            done: steps of it that are finished
            total: its steps; 0 where their number is not known

        Returns:
            the share of the run that is done, and the seconds that are left
        """
        now = time.monotonic()
        name = stage_name(stage)
        if name != self._stage:
            self._begin(name, done)
        self._last = now
        part = min(1.0, done / total) if total > 0 else 0.0
        elapsed, expected = now - self._stage_began, self._expected.get(name, 0.0)
        prior = _PRIOR * sum(self._expected.values())
        spent, forecast = self._spent + (elapsed if expected else 0.0), self._forecast + expected * part
        slowness = (spent + prior) / (forecast + prior) if prior > _LEAST else 1.0
        left = expected * (1 - part) * slowness
        steps = self._steps(done)
        if steps:
            # The first report of a stage says nothing of its speed: it may go on from a run that was stopped
            trust = part if expected else 1.0
            left = trust * elapsed / steps * (total - done) + (1 - trust) * left
        left = max(0.0, left) + slowness * sum(self._expected[one] for one in self._names[self._place + 1 :])
        passed = now - self._began
        self._share = max(self._share, passed / (passed + left) if passed + left > 0 else 0.0)
        return Standing(self._share, left)

    def _begin(self, name: str, done: int) -> None:
        """Ends the stage before; the time since its last report is the new one's."""
        expected = self._expected.get(self._stage, 0.0)
        self._spent += self._last - self._stage_began if expected else 0.0
        self._forecast += expected
        self._stage, self._stage_began = name, self._last
        self._first, self._before = done, None
        if name in self._expected:
            self._place = max(self._place, self._names.index(name))

    def _steps(self, done: int) -> int:
        """Steps of the stage that this run has made; 0 where that is not known yet."""
        if self._before is None and done > self._first:
            # The first report was of as many as the second
            self._before = max(0, 2 * self._first - done)
        return 0 if self._before is None else done - self._before
