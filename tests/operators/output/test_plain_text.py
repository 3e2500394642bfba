"""Texts of the App's notices and headings, read by a Markdown parser as the App does."""

from __future__ import annotations

from html import unescape
from typing import Any

import pytest

markdown_it = pytest.importorskip("markdown_it")


@pytest.fixture
def plain(fiftyone: Any) -> Any:
    from label_quality.operators.output.plain_text import plain

    return plain


@pytest.mark.parametrize(
    "text",
    [
        "[x](javascript:alert(1))",
        "![x](https://example.com/x.png)",
        "[x]: https://example.com",
        '<img src=x onerror="alert(1)">',
        "**b** _i_ __b__ ~~s~~ *i*",
        "`[`](https://example.com) `a b`",
        "\\[x](https://example.com) \\\\`",
        "&lt;b&gt; &amp;",
        "# heading",
        "> quote",
        "- item",
        "window.__pwned",
        "/tmp/a_b/_c_/~x.png",
    ],
)
def test_a_text_is_shown_letter_by_letter(plain: Any, text: str) -> None:
    for one in (text, f"Tags 2 images as '{text}'."):
        shown = markdown_it.MarkdownIt("commonmark").enable("strikethrough").render(plain(one))
        assert unescape(shown) == f"<p>{one}</p>\n"


def test_names_of_fields_and_parameters_look_as_they_did(plain: Any) -> None:
    text = "Expected parameter `anno_key` to be new, but 'ground_truth_relabelled' is there: 12 % of 3.5"
    assert plain(text) == text
    assert plain("a\n\n# b") == "a # b"
