"""What the engine says, in the words of the command line."""

from __future__ import annotations

import re

from ..parameters import PARAMETERS

#: Parameter of a benchmark to the option that has another name, and takes folders too
RENAMED = {"truth_field": "truth", "run_key": "run"}
#: Names that errors and notes may give in backticks and that are options here
_OPTIONS = {name for parameters in PARAMETERS.values() for name in parameters} | {
    *("tag", "worst", "below", "error_type", "group", "break_clones", "json")
}

#: Parameters that are no options, and what the usage calls them
_ARGUMENTS = {"export_dir": "DIR", "path": "FILE", "before": "BEFORE", "after": "AFTER"}


def as_options(message: str) -> str:
    """What the engine says, with the names that its parameters have on the command line.

    Args:
        message: an error, or a note, of the engine
    """

    def option(match: re.Match[str]) -> str:
        if match[1] in _ARGUMENTS:
            return _ARGUMENTS[match[1]]
        name = RENAMED.get(match[1], match[1])
        return f"--{name.replace('_', '-')}" if match[1] in _OPTIONS else match[0]

    def set_option(match: re.Match[str]) -> str:
        # What is said to be called from Python stays as it is
        if match[1] is None or match[1] not in _OPTIONS:
            return match[0]
        return f"{option(match)} {match[2]}" if match[2] else option(match)

    message = re.sub(r"(?:parameter )?`(\w+)`", option, message)
    return re.sub(r"\w\([^()]*\)|\b(\w+)=(?:True|'([\w.-]+)')?(?![^\s,.;)])", set_option, message)
