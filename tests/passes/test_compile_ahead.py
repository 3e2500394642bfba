"""What an audit runs is compiled in another process, once, and shown while it is waited for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

#: The process is stopped as soon as it has left a kernel: all of them take it 20 s
COMPILE_AND_WAIT = """
from label_quality.plugin.passes import compile_ahead as ahead
from label_quality.plugin.pixels.compiled import KERNELS, is_kept

reports = []

def watch(*report):
    reports.append(report)
    if report[1]:
        ahead._process.kill()

print(any(map(is_kept, KERNELS)))
ahead.compile_ahead()
ahead.wait_for_kernels(watch)
print({stage for stage, _, _ in reports}, [done for _, done, _ in reports][-1] > 0, reports[0][1:] == (0, len(KERNELS)))
print(sum(any(one.stats.cache_misses.values()) for one in KERNELS))
"""
NOTHING_TO_DO = """
from label_quality.plugin.passes import compile_ahead as ahead
from label_quality.plugin.pixels.compiled import KERNELS

ahead.compile_kernels()
ahead.compile_ahead()
reports = []
ahead.wait_for_kernels(lambda *report: reports.append(report))
called = [one for one in KERNELS if one.signatures]
print(ahead._process, reports, len(called) > 10, sum(any(one.stats.cache_misses.values()) for one in called))
"""
STUCK = """
import subprocess, sys
from label_quality.plugin.passes import compile_ahead as ahead

ahead._process = stuck = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
ahead._PATIENCE = 0.5
reports = []
ahead.wait_for_kernels(lambda *report: reports.append(report))
print({stage for stage, _, _ in reports}, stuck.wait(60))
"""


def run(code: str, **environment: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **environment}, capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


def test_kernels_are_compiled_in_another_process_which_is_waited_for(tmp_path: Path) -> None:
    kept, shown, compiled_here = run(COMPILE_AND_WAIT, NUMBA_CACHE_DIR=str(tmp_path))
    assert (kept, compiled_here) == ("False", "0")
    assert shown == "{'Compiling (once)'} True True"


def test_what_is_in_the_cache_is_not_compiled_again() -> None:
    assert run(NOTHING_TO_DO) == ["None [] True 0"]


def test_a_process_that_gets_nowhere_is_ended_and_not_waited_for(tmp_path: Path) -> None:
    assert run(STUCK, NUMBA_CACHE_DIR=str(tmp_path)) == ["{'Compiling (once)'} -9"]
