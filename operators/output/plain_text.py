"""Texts for the App's headings and notices, which read them as Markdown.

Names of classes, files and tags come with other people's data: ``[x](https://…)`` would be a link, ``![](https://…)``
would fetch an image from there, and ``*`` and ``_`` would vanish.
"""

from __future__ import annotations

import re

#: A parameter's name as errors give it, which may look like code
_CODE = r"`\w+`"
#: What begins something in Markdown; underscores inside a word do not
_SIGNS = r"[\\`*\[\]<&~]|(?<![^\W_])_|_(?![^\W_])"
#: What does so at the beginning only
_AT_START = r"\A[#>+-]"
_MEANING = re.compile(f"({_CODE})|{_SIGNS}|{_AT_START}")


def plain(text: str) -> str:
    """Markdown that is shown as this text, on one line, with parameters' names in backticks as code.

    Args:
        text: such as ``Tags 2 images as '*new*'``

    Returns:
        the text with a backslash before each sign that would mean something, ``Tags 2 images as '\\*new\\*'``
    """
    return _MEANING.sub(lambda found: found[1] or f"\\{found[0]}", " ".join(text.split()))
