"""Kills every long operation at random instants, breaks what it needs, and compares what is there in the end.

Nothing of the user's may be changed, lost or left over: an operation that was killed, or that ended with an error
because the database or a folder failed, is started again, and all fields, saved views, records and files must then be
those of an undisturbed run, byte by byte. It runs on small datasets in a temporary folder, with a MongoDB of its own::

    python -m benchmarks faults --kills 200
    python -m benchmarks faults --kills 0 --times 3 --only audit suspects

Kills come at random instants, before a random write to the database, and before a random change of a file, in turn.
Some faults need root or what only Linux has; where one cannot be made, it is listed with the reason. The command ends
with status 1 where anything was lost, or an error was not explained.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from .faults_kills import Attack
from .faults_operations import OPERATIONS
from .faults_surroundings import names, try_cases
from .processes import print_table

#: Differences that are printed of one loss
_SHOWN = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("--kills", type=int, default=200, help="kills, over all operations (default 200)")
    parser.add_argument("--times", type=int, default=1, help="times that every other fault is tried (default 1)")
    parser.add_argument("--seed", type=int, default=0, help="of the instants and steps (default 0)")
    operations = [one.name for one in OPERATIONS]
    parser.add_argument("--only", nargs="+", choices=operations, metavar="OPERATION", help=", ".join(operations))
    parser.add_argument("--cases", nargs="*", choices=names(), metavar="CASE", help=", ".join(names()))


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Attacks, prints two tables, and ends the process where something was lost.

    Returns:
        ``kills`` and ``faults``: what was found of each operation; ``seconds``
    """
    started, home = time.monotonic(), Path(tempfile.mkdtemp(prefix="label-quality-faults-"))
    chosen = [one for one in OPERATIONS if not options.only or one.name in options.only]
    cases = names() if options.cases is None else options.cases
    kills, faults = [], []
    attack = Attack(home, options.seed)
    try:
        for number, operation in enumerate(chosen):
            count = options.kills // len(chosen) + (number < options.kills % len(chosen))
            if count:
                print(f"{operation.name}: {count} kills ", end="", file=sys.stderr, flush=True)
                kills.append(attack.kill(operation, count).to_dict())
            if cases and options.times:
                print(f"{operation.name}: faults ", file=sys.stderr, flush=True)
                faults += [one.to_dict() for one in try_cases(attack, operation, cases, options.times)]
    finally:
        attack.world.server.kill()
        _remove(home)
    figures = {"seed": options.seed, "kills": kills, "faults": faults, "seconds": time.monotonic() - started}
    _print(figures)
    if any(one["lost"] for one in kills) or any(one["wrong"] for one in faults):
        # After the figures are written: the command that calls this does so when it ends
        figures["exit_status"] = 1
    return figures


def _print(figures: dict[str, Any]) -> None:
    if figures["kills"]:
        header = ["operation", "seconds", "writes", "file changes", "kills", "resumed identical", "lost", "left over"]
        print_table(header, [_kill_row(one) for one in figures["kills"]])
        total = sum(sum(one["kills"].values()) for one in figures["kills"])
        print(f"\n{total} kills in {figures['seconds'] / 60:.0f} minutes.\n")
    if figures["faults"]:
        header = ["fault", "operation", "explained", "survived", "then identical", "wrong"]
        print_table(header, [_fault_row(one) for one in figures["faults"]])
    for one in figures["kills"]:
        for lost in one["lost"]:
            print(f"\nLost by {one['operation']}, killed at {lost['kill']['kind']} {lost['kill']['at']:.6g}:")
            print("\n".join(f"  {line}" for line in lost["what"][:_SHOWN]))
    for one in figures["faults"]:
        if one["wrong"]:
            print(f"\n{one['operation']}, {one['case']}:")
            print("\n".join(f"  {line}" for line in one["wrong"][:_SHOWN]))


def _kill_row(one: dict[str, Any]) -> list[str]:
    left = ", ".join(f"{name} ({count})" for name, count in one["left"].items())
    steps = one["steps"]
    counts = [steps["database write"], steps["file change"], sum(one["kills"].values()), one["identical"]]
    return [one["operation"], f"{one['seconds']:.1f}", *map(str, counts), str(len(one["lost"])), left or "–"]


def _fault_row(one: dict[str, Any]) -> list[str]:
    if one["not_tried"]:
        return [one["case"], one["operation"], f"not tried: {one['not_tried']}", "", "", ""]
    counts = [one["explained"], one["survived"], one["identical"], len(one["wrong"])]
    return [one["case"], one["operation"], *map(str, counts)]


def _remove(home: Path) -> None:
    mounts = Path("/proc/mounts")
    for line in mounts.read_text().splitlines() if mounts.exists() else ():
        place = line.split()[1]
        if place.startswith(f"{home}{os.sep}"):
            subprocess.run(["umount", "-l", place])
    shutil.rmtree(home, ignore_errors=True)
