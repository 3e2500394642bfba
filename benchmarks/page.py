"""Prints docs/benchmarks.md from the JSON of ``python -m benchmarks all``: every table with its command."""

from __future__ import annotations

import argparse
import ast
import json
from pathlib import Path
from typing import Any


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("results", type=Path, help="JSON of python -m benchmarks all")


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Prints the page.

    Returns:
        the results that it was made from
    """
    results: dict[str, Any] = json.loads(options.results.read_text())
    print(page(results))
    return results


def page(results: dict[str, Any]) -> str:
    """The page in Markdown.

    Args:
        results: as `suite.run` returns them
    """
    machine, benchmarks = results["machine"], results["benchmarks"]
    packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    lines = [
        "# Benchmarks",
        "",
        "Written by two commands, from the root of a clone after `make setup`; with `CAMVID=` the last tables are of",
        "[CamVid](http://mi.eng.cam.ac.uk/research/projects/VideoRec/CamVid/) (a folder with `images`, `masks` and",
        "`classes.json`), without it of generated scenes. Each table can also be had by the command above it.",
        "",
        "    make bench CAMVID=camvid",
        "    .venv/bin/python -m benchmarks page artifacts/bench.json > docs/benchmarks.md",
        "",
        f"Measured on {machine['date']} with {machine['cores']} cores of {machine['processor']}, at a load of",
        f"{machine['load']:.1f} at the end, in which the benchmarks' own up to {machine['cores']} are.",
        f"Python {machine['python']}, {packages}.",
    ]
    for name, one in benchmarks.items():
        lines += ["", f"## {title(name)}", "", f"    {one['command']}", "", one["report"]]
    return "\n".join(lines)


def title(name: str) -> str:
    """What a benchmark measures: the first sentence of its module."""
    source = Path(__file__).with_name(f"{name}.py").read_text()
    return (ast.get_docstring(ast.parse(source)) or name).partition("\n")[0].rstrip(".:")
