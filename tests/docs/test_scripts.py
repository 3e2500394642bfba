"""Scripts that pages name the commands of: they start."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("playwright")
SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("walk_pictures.py", "name of the dataset, which has a run 'lq'"),
        ("measure_clicks.py", "of the App, with the panel open"),
    ],
)
def test_scripts_run_with_the_users_own_fiftyone(name: str, text: str) -> None:
    done = subprocess.run([sys.executable, SCRIPTS / name, "-h"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert text in done.stdout
