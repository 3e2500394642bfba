"""The compiled kernels' cache, under the names that FiftyOne and Python load the same files by."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

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


def pool_in_new_process(name: str, cache: Path) -> str:
    command = [sys.executable, "-c", LOAD_AND_POOL, name, str(PLUGIN)]
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(cache)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()


def test_the_cache_of_a_name_that_does_not_exist_here_is_still_used(tmp_path: Path):
    assert pool_in_new_process("synthetic_name_of_one_process", tmp_path) == "2 0\n0.75 0"
    assert pool_in_new_process("another_name", tmp_path) == "2 1\n0.75 1"
