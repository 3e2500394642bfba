"""Texts as cells of a CSV file that a person opens in a spreadsheet, which takes some of them for formulas.

Class names and paths come with other people's data: a class that is called ``=cmd|' /C calc'!A0`` would be run.

References:
    OWASP: CSV Injection. https://owasp.org/www-community/attacks/CSV_Injection
"""

from __future__ import annotations

import re

_MARK = "'"
#: What spreadsheets pass over before they look for a formula
_PASSED_OVER = r"[\s'\"\x00-\x1f\u200b\ufeff]*"
#: The signs that begin a formula, in full width too
_SIGNS = r"=+\-@\uff1d\uff0b\uff0d\uff20"
#: Where a cell begins: a spreadsheet may split at semicolons or tabs, and then knows no quotes around line ends either
_BEGINS = r"(\A|[;\t\r\n])"
_FORMULA = rf"(?={_PASSED_OVER}[\t\r\n{_SIGNS}])"
_UNGUARDED = re.compile(_BEGINS + _FORMULA)
_GUARDED = re.compile(_BEGINS + _MARK + _FORMULA)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def as_cell(text: str) -> str:
    """The text with an apostrophe before each part that a spreadsheet would take for a formula; numbers stay.

    Args:
        text: such as ``=cmd|' /C calc'!A0``, ``-0.5`` or ``/data/1.png``; the last two stay as they are

    Returns:
        the cell, which `from_cell` makes the text of again
    """
    return text if _NUMBER.fullmatch(text) else _UNGUARDED.sub(rf"\1{_MARK}", text)


def from_cell(cell: str) -> str:
    """The text that `as_cell` made the cell of.

    Args:
        cell: as a CSV reader gives it
    """
    return _GUARDED.sub(r"\1", cell)
