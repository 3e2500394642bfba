"""The operator `sidebar_groups`: which groups of fields the dataset's sidebar has, for the page that has lost them."""

from __future__ import annotations

from typing import Any

import fiftyone.operators as foo

from ..plugin.base.database_errors import database_errors
from .execution import groups_of


class SidebarGroups(foo.Operator):
    """The dataset's groups of fields; ``assets/app.js`` asks for them when a view of patches is left."""

    @property
    def config(self) -> foo.OperatorConfig:
        """FiftyOne's description of the operator."""
        return foo.OperatorConfig(
            name="sidebar_groups",
            label="Groups of the sidebar",
            icon="/assets/review.svg",
            unlisted=True,
            risk_level="low",
        )

    @database_errors()
    def execute(self, ctx: Any) -> dict[str, Any]:
        """``groups``: name and paths of each, in order; none where the dataset leaves them to the App."""
        return {"groups": groups_of(ctx.dataset)}
