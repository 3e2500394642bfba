"""Kills each operation again and again, starts it again, and compares all that is there with an undisturbed run."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .faults_forks import FILE, INSTANT, WRITE, Kill, Outcome, fork
from .faults_operations import FILES, Operation
from .faults_state import State, States, differences, users_own
from .faults_world import LABELS, OTHER, SIZES, Snapshot, World, empty, make_datasets, write_files

#: Differences that are told of one kill
_TOLD = 6
#: Draws a kill, of which some come too late
_TRIES = 8


@dataclass
class Found:
    """What was found about an operation.

    Args:
        operation: its name
        seconds: of the undisturbed run
        steps: kind to the number of steps of the undisturbed run
        kills: kind to the number of kills
        identical: kills after which the same call ended with the same result
        lost: what was lost in the others: the kill and the first differences
        left: kills after which documents stayed in the database that nothing refers to, and their kinds
    """

    operation: str
    seconds: float = 0.0
    steps: dict[str, int] = field(default_factory=dict)
    kills: dict[str, int] = field(default_factory=dict)
    identical: int = 0
    lost: list[dict[str, Any]] = field(default_factory=list)
    left: dict[str, int] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


class Attack:
    """A world, and the attacks on it.

    Args:
        home: where everything is
        seed: of the kills
    """

    def __init__(self, home: Path, seed: int) -> None:
        self.world, self.seed = World(home), seed
        self.world.start()
        write_files(self.world.mine)
        warm_up(self.world.mine)
        empty(self.world.runs)
        _succeed(fork(lambda: make_datasets(self.world.mine)))
        self.base = self.world.snapshot()
        self.states = States(self.world, self.base)

    def before(self, operation: Operation) -> Snapshot:
        """The state in which the operation begins."""
        self.world.restore(self.base)
        _succeed(fork(operation.before, load=operation.load))
        return self.world.snapshot()

    def run(self, operation: Operation, kill: Kill | None = None) -> Outcome:
        """Runs the operation in a fork."""
        return fork(operation.work, kill, load=operation.load)

    def undisturbed(self, operation: Operation, before: Snapshot) -> tuple[Outcome, State]:
        """An undisturbed run's outcome and the state after it, after which it is the same a second time.

        Raises:
            SystemExit: it is not, so that nothing could be compared with it
        """
        states, outcome = [], Outcome(0)
        for _ in range(2):
            self.world.restore(before)
            outcome = self.run(operation)
            _succeed(outcome)
            states.append(self.states.describe())
        different = differences(*states)
        if different:
            raise SystemExit("\n".join([f"Two undisturbed runs of '{operation.name}' differ:", *different[:20]]))
        return outcome, states[-1]

    def kill(self, operation: Operation, count: int) -> Found:
        """Kills an operation that many times, each time from the same beginning."""
        before = self.before(operation)
        own = users_own(self.states.describe())
        calm, expected = self.undisturbed(operation, before)
        found = Found(operation.name, calm.seconds, dict(calm.steps))
        for kill in self._killed(operation, before, calm, count):
            found.kills[kill.kind] = found.kills.get(kill.kind, 0) + 1
            midst = differences(own, users_own(self.states.describe()))
            again = self.run(operation)
            after = self.states.describe()
            left = set(after.pop("left")) - set(expected["left"])
            lost = [f"the user's own, before it was started again: {one}" for one in midst]
            if again.killed or (again.error and not (operation.ended and operation.ended in again.error)):
                lost.append(f"started again, it ended with {again.error or 'nothing at all'}")
            lost += differences({name: part for name, part in expected.items() if name != "left"}, after)
            for name in left:
                found.left[name] = found.left.get(name, 0) + 1
            if lost:
                found.lost.append({"kill": asdict(kill), "what": lost[:_TOLD], "differences": len(lost)})
            else:
                found.identical += 1
        return found

    def _killed(self, operation: Operation, before: Snapshot, calm: Outcome, count: int) -> Iterator[Kill]:
        """Kills the operation and yields how, each time; the world is as the kill left it."""
        kinds = [INSTANT, *(kind for kind in (WRITE, FILE) if calm.steps.get(kind))]
        for number in range(count):
            drawn = random.Random(f"{self.seed} {operation.name} {number}")
            kind, seconds = kinds[number % len(kinds)], calm.seconds
            for _ in range(_TRIES):
                at = drawn.uniform(0, seconds) if kind == INSTANT else drawn.randint(1, calm.steps[kind])
                self.world.restore(before)
                outcome = self.run(operation, Kill(kind, at))
                if outcome.killed:
                    yield Kill(kind, at)
                    break
                # The undisturbed run may have been slow, as other processes ran beside it
                seconds = min(seconds, outcome.seconds)
            print(".", end="", file=sys.stderr, flush=True)
        print(file=sys.stderr)


def warm_up(mine: Path) -> None:
    """Imports all that the forks need, and has numba read its kernels; leaves nothing in the database behind."""
    import fiftyone as fo
    import fiftyone.core.odm as odm
    import torch
    from label_quality.plugin import audit

    torch.set_num_threads(1)
    make_datasets(mine)
    audit.audit_labels(fo.load_dataset(OTHER), LABELS, **FILES)
    for name in SIZES:
        fo.delete_dataset(name)
    odm.get_db_conn().client.drop_database(fo.config.database_name)
    odm.database._disconnect()


def _succeed(outcome: Outcome) -> None:
    if outcome.signal or outcome.error:
        raise SystemExit(f"An undisturbed step failed: {outcome.error or f'signal {outcome.signal}'}")
