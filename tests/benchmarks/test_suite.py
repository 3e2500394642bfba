"""The command that runs the benchmarks of docs/benchmarks.md, and the one that prints the page."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from typing import Any

import pytest

from benchmarks import suite
from benchmarks.__main__ import BENCHMARKS
from benchmarks.page import page, title


@pytest.fixture(scope="module")
def results() -> dict[str, Any]:
    options = ["--images", "1", "--repeats", "1"]
    return {"machine": suite._machine(), "benchmarks": {"images": suite._run("images", options, ["--images", "1"])}}


def test_a_benchmark_leaves_its_report_and_figures(results: dict[str, Any]) -> None:
    one = results["benchmarks"]["images"]
    assert one["command"] == "python -m benchmarks images --images 1"
    assert one["report"].startswith("| image ") and "cv2.imencode" in one["report"]
    ours = one["figures"]["results"][0]
    assert (ours["image"], ours["encoder"], ours["ratio"]) == ("heatmap", "ours", 1)
    assert one["figures"]["size"] == [360, 480] and one["seconds"] > 0


def test_the_page_shows_every_table_with_its_command(results: dict[str, Any]) -> None:
    text = page(results)
    assert f"## {title('images')}\n\n    python -m benchmarks images --images 1\n\n| image " in text
    assert results["benchmarks"]["images"]["report"] in text
    assert f"fiftyone {results['machine']['packages']['fiftyone']}" in text


def test_a_benchmark_that_fails_ends_all() -> None:
    with pytest.raises(SystemExit, match="The benchmark images ended with status 1"):
        suite._run("images", ["--scores=/nowhere"], [])


@pytest.mark.parametrize("name", [*suite.GENERATED, *suite.WITH_DATASET])
def test_every_benchmark_of_the_page_is_a_command_with_a_title(name: str) -> None:
    module = import_module(f"benchmarks.{BENCHMARKS[name]}")
    assert callable(module.run) and callable(module.add_arguments)
    assert title(name) and "\n" not in title(name)


def test_an_unknown_benchmark_is_refused_and_all_are_listed() -> None:
    command = [sys.executable, "-m", "benchmarks"]
    shown = subprocess.run([*command, "-h"], capture_output=True, text=True).stdout
    assert "scoring, memory" in " ".join(shown.split()) and "faults" in shown
    wrong = subprocess.run([*command, "speed"], capture_output=True, text=True)
    assert wrong.returncode == 2 and "required: NAME" in wrong.stderr
