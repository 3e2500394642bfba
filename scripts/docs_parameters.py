"""What `make docs` adds to the reference: below each group of parameters, its table."""

from __future__ import annotations

import importlib
import re
from typing import Any

from label_quality.plugin.base.parameters import Parameter, table
from tabulate import tabulate

#: Classes of parameters are in modules of these names, which import neither FiftyOne nor PyTorch
_GROUP = re.compile(r"^::: (label_quality\.plugin\.\S+\.(?:config|request))\.(\w+)$", re.MULTILINE)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Called by mkdocs for every page: the page, with the tables of the groups that it names."""
    return _GROUP.sub(lambda found: f"{found[0]}\n\n{_parameters(found[1], found[2])}", markdown)


def _parameters(module: str, name: str) -> str:
    """The Markdown table of a group of parameters; empty for any other class."""
    rows = [_row(one) for one in table(getattr(importlib.import_module(module), name)).values()]
    return tabulate(rows, ("parameter", "", "default"), tablefmt="github", disable_numparse=True) if rows else ""


def _row(one: Parameter) -> tuple[str, str, str]:
    choices = f" One of {', '.join(f'`{value}`' for value in one.choices)}." if one.choices else ""
    default = one.empty or "`None`" if one.default is None else f"`{one.default!r}`"
    return f"`{one.name}`", f"{one.sentence}.{choices}", default
