"""What the methods of panels that handle clicks have in common."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..execution import failure_text


def told(method: Callable[..., None]) -> Callable[..., None]:
    """Tells the user why a click failed, in a sentence; FiftyOne would replace the panel by a traceback."""

    @functools.wraps(method)
    def handler(self: Any, ctx: Any) -> None:
        try:
            method(self, ctx)
        except Exception as error:
            ctx.ops.notify(failure_text(error), variant="error")

    return handler
