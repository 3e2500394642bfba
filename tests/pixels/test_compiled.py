"""The compiled kernels' cache, under the names that FiftyOne and Python load the same files by."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PLUGIN = Path(__file__).resolve().parents[2] / "plugin"
LOAD_AND_POOL = """
import sys, types
import numpy as np
name = sys.argv[1]
sys.modules[name] = package = types.ModuleType(name)
package.__path__ = [sys.argv[2]]
pooling = __import__(name + ".pixels.pooling", fromlist=["pooling"])
pooled = pooling.pool_labels(np.array([[0, 2], [2, 1]], np.int16), 2, 3)
print(int(pooled[0, 0]), sum(pooling.block_kernels.vote.stats.cache_hits.values()))
pooled = pooling.pool_probabilities(np.array([[[0.5, 1], [1, 0.5]]], np.float32), 2)
print(pooled[0, 0, 0], sum(pooling.kernels.pool_planes.stats.cache_hits.values()))
"""


POOL_IGNORED_AND_COMPARE = """
import sys, types
import numpy as np
sys.modules["copied"] = package = types.ModuleType("copied")
package.__path__ = [sys.argv[2]]
from copied.pixels import pooling, scan_kernels
equal, winner = np.full(64, 0.5, np.float32), np.zeros(64, np.int16)
scan_kernels._raise_best(equal, 0, 16, np.int16(7), 0, equal.copy(), np.empty(16, np.float32), winner)
print(pooling.pool_labels(np.full((4, 4), -1, np.int16), 4, 2)[0, 0], winner[0])
"""


def pool_in_new_process(name: str, cache: Path, code: str = LOAD_AND_POOL, plugin: Path = PLUGIN) -> str:
    command = [sys.executable, "-c", code, name, str(plugin)]
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(cache)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.slow
def test_the_cache_of_a_name_that_does_not_exist_here_is_still_used(tmp_path: Path):
    assert pool_in_new_process("synthetic_name_of_one_process", tmp_path) == "2 0\n0.75 0"
    assert pool_in_new_process("another_name", tmp_path) == "2 1\n0.75 1"


@pytest.mark.slow
def test_machine_code_is_made_anew_where_another_file_that_it_is_compiled_from_has_changed(tmp_path: Path):
    for room in ("base", "pixels"):
        shutil.copytree(PLUGIN / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    arguments = "copied", tmp_path / "cache", POOL_IGNORED_AND_COMPARE, tmp_path
    assert pool_in_new_process(*arguments) == "-1 0"
    # A function, and a constant
    for file, before, after in (
        ("pixels/lanes.py", 'fcmp_ordered(">"', 'fcmp_ordered(">="'),
        ("base/types.py", "IGNORED = -1", "IGNORED = -2"),
    ):
        changed = tmp_path / file
        changed.write_text(changed.read_text().replace(before, after))
    assert pool_in_new_process(*arguments) == "-2 7"
