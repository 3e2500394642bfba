"""Runs one benchmark from the root of the repository: ``python -m benchmarks NAME``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from . import audit, camvid_page, errors, fields, images, memory, scoring

BENCHMARKS = {
    "scoring": scoring,
    "memory": memory,
    "images": images,
    "fields": fields,
    "audit": audit,
    "errors": errors,
    "camvid-page": camvid_page,
}


def main() -> None:
    """Measures, prints tables and, if asked to, writes the figures as JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    commands = parser.add_subparsers(dest="benchmark", required=True)
    for name, module in BENCHMARKS.items():
        command = commands.add_parser(name, help=(module.__doc__ or "").partition("\n")[0])
        command.add_argument("--json", "--out", type=Path, help="also write the figures to this file")
        module.add_arguments(command)
    arguments = parser.parse_args()
    figures = BENCHMARKS[arguments.benchmark].run(arguments)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
