"""Scripts that pages name the commands of: they start."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("playwright")
SCRIPTS = Path(__file__).parents[2] / "scripts"


def test_pictures_are_taken_with_the_users_own_fiftyone() -> None:
    script = SCRIPTS / "walk_pictures.py"
    done = subprocess.run([sys.executable, script, "-h"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "name of the dataset, which has a run 'lq'" in done.stdout
