"""Runs a benchmark from the root of the repository: ``python -m benchmarks NAME``; ``all`` for those of the page."""

from __future__ import annotations

import argparse
import json
import sys
from importlib import import_module
from pathlib import Path

#: Name to module. Only the chosen one is imported: some bring FiftyOne with them, and others are timed without it
BENCHMARKS = {
    "all": "suite",
    "page": "page",
    "scoring": "scoring",
    "memory": "memory",
    "images": "images",
    "fields": "fields",
    "audit": "audit",
    "training": "training",
    "errors": "errors",
    "error-types": "error_types",
    "displaced-edges": "displaced_edges",
    "suspects": "suspects",
    "pair-evidence": "pair_evidence",
    "own-labels": "own_labels",
    "second-round": "second_round",
    "planted-lessons": "planted_lessons",
    "review": "review",
    "estimate": "estimate",
    "objects": "objects",
    "lint": "lint",
    "gain": "gain",
    "cluster": "cluster",
    "scale": "scale",
    "many-suspects": "many_suspects",
    "gpu": "gpu",
    "camvid-page": "camvid_page",
    "faults": "faults",
    "hostile-files": "hostile_files",
}


def main() -> None:
    """Measures, prints tables and, if asked to, writes the figures as JSON."""
    name = next((one for one in sys.argv[1:2] if one in BENCHMARKS), None)
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    commands = parser.add_subparsers(dest="benchmark", required=True, metavar="NAME", help=", ".join(BENCHMARKS))
    if name is None:
        # Help, or an error
        parser.parse_args(sys.argv[1:2] if "-h" in sys.argv or "--help" in sys.argv else [])
        return
    module = import_module(f".{BENCHMARKS[name]}", __package__)
    command = commands.add_parser(name, description=module.__doc__, formatter_class=argparse.RawTextHelpFormatter)
    command.add_argument("--json", "--out", type=Path, help="also write the figures to this file")
    module.add_arguments(command)
    arguments = parser.parse_args()
    figures = module.run(arguments)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")
    sys.exit(figures.get("exit_status", 0))


if __name__ == "__main__":
    main()
