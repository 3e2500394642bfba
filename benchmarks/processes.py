"""Runs a measurement in a process of its own, so that its peak memory is its own."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from typing import Any

from tabulate import tabulate


def measure(module: str, **request: Any) -> dict[str, Any]:
    """Runs ``python -m MODULE`` with the request as JSON argument; its last line of output is the answer.

    Args:
        module: a module that passes its answer to `answer`
        request: what to measure

    Returns:
        The answer.
    """
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    command = [sys.executable, "-m", module, json.dumps(request)]
    done = subprocess.run(command, env={**os.environ, **threads}, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def answer(**figures: Any) -> None:
    """Prints the answer of a process that `measure` started."""
    print(json.dumps(figures))


def peak_memory() -> float:
    """The most memory this process has held so far, in MB (10**6 bytes)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def print_table(header: list[str], rows: list[list[str]]) -> None:
    """Prints a Markdown table, aligned."""
    print(tabulate(rows, header, tablefmt="github", disable_numparse=True))
