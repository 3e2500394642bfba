"""Breaks what an operation needs while it is under way, mends it, and starts the operation again."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from random import Random
from typing import Any

from .faults_cases import CASES, Case, NotTried
from .faults_forks import Outcome, fork
from .faults_hosts import try_hosts
from .faults_kills import Attack
from .faults_operations import Operation
from .faults_state import State, differences
from .faults_world import Snapshot

HOSTS = "two hosts"
_HOSTS_ON = ("audit", "audit-training", "suspects", "benchmark")
_TOLD = 6


@dataclass
class Tried:
    """What was found of a case and an operation.

    Args:
        case: its name
        operation: its name
        explained: faults that ended the operation with a `LabelQualityError` that says what to do
        survived: faults in spite of which the operation was done, or that came too late
        identical: faults after which, once they were mended, the same call ended with the undisturbed result
        wrong: what was lost, or not explained
        not_tried: why the case could not be tried here
        says: the last explanation
    """

    case: str
    operation: str
    explained: int = 0
    survived: int = 0
    identical: int = 0
    wrong: list[str] = field(default_factory=list)
    not_tried: str | None = None
    says: str = ""

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def names() -> list[str]:
    """The names of all cases."""
    return [*(case.name for case in CASES), HOSTS]


def try_cases(attack: Attack, operation: Operation, chosen: Sequence[str], times: int) -> list[Tried]:
    """Tries cases on an operation.

    Args:
        attack: the world
        operation: what is under way
        chosen: names of the cases; those that the operation is not exposed to are passed over
        times: how often each is tried
    """
    before = attack.before(operation)
    calm, expected = attack.undisturbed(operation, before)
    found = []
    for case in CASES:
        if case.name in chosen and case.fits(operation):
            found.append(_try(attack, operation, case, before, calm.seconds, expected, times))
    if HOSTS in chosen and operation.name in _HOSTS_ON:
        found.append(_try_hosts(attack, operation, before, expected))
    return found


def _try(
    attack: Attack,
    operation: Operation,
    case: Case,
    before: Snapshot,
    seconds: float,
    expected: State,
    times: int,
) -> Tried:
    tried = Tried(case.name, operation.name)
    for number in range(times):
        attack.world.restore(before)
        drawn = Random(f"{attack.seed} {case.name} {operation.name} {number}")
        try:
            with case.fault(attack.world, seconds, drawn) as fault:
                outcome = fork(operation.work, load=operation.load, prepare=fault.prepare, disturb=fault.disturb)
                _raise_not_tried(outcome)
        except NotTried as reason:
            tried.not_tried = str(reason)
            return tried
        wrong = _judge(tried, case, outcome)
        again = attack.run(operation)
        if again.error and not (operation.ended and operation.ended in again.error):
            wrong.append(f"started again, it ended with {again.error}")
        wrong += _lost(attack, expected)
        tried.identical += not wrong
        tried.wrong += wrong[:_TOLD]
        print("." if not wrong else "x", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return tried


def _judge(tried: Tried, case: Case, outcome: Outcome) -> list[str]:
    if outcome.error is None and not outcome.signal:
        tried.survived += 1
        return []
    if not outcome.explained:
        return [f"not explained: {outcome.error or f'signal {outcome.signal}'}"]
    tried.explained, tried.says = tried.explained + 1, str(outcome.error)
    if not any(part in tried.says for part in case.says):
        return [f"explained as something else: {tried.says}"]
    return []


def _lost(attack: Attack, expected: State) -> list[str]:
    after = attack.states.describe()
    parts = {name: part for name, part in expected.items() if name != "left"}
    return differences(parts, {name: part for name, part in after.items() if name != "left"})


def _try_hosts(attack: Attack, operation: Operation, before: Snapshot, expected: State) -> Tried:
    tried = Tried(HOSTS, operation.name)
    attack.world.restore(before)
    try:
        wrong = try_hosts(attack.world, operation, lambda: attack.world.restore(before))
    except NotTried as reason:
        tried.not_tried = str(reason)
        return tried
    wrong += _lost(attack, expected)
    tried.explained, tried.identical, tried.wrong = 3 * (not wrong), int(not wrong), wrong[:_TOLD]
    return tried


def _raise_not_tried(outcome: Outcome) -> None:
    if (outcome.error or "").startswith(f"{NotTried.__name__}: "):
        raise NotTried(str(outcome.error).partition(": ")[2])
