"""The panel's buttons that open the forms of operators for the chosen run."""

from __future__ import annotations

from typing import Any

from .events import told

#: Clicks that change nothing in the panel
LEADING_ELSEWHERE = ("audit", "find_suspects", "tag", "delete", "estimate", "export", "report")


class Prompts:
    """What a panel has to open forms; ``refresh`` looks for what they have changed."""

    plugin_name: str

    @told
    def audit(self, ctx: Any) -> None:
        """Opens the audit's form."""
        self._ask(ctx, "audit_labels", of_run=False)

    @told
    def find_suspects(self, ctx: Any) -> None:
        """Opens the form of the search for suspects."""
        self._ask(ctx, "find_suspects")

    @told
    def tag(self, ctx: Any) -> None:
        """Opens the form that tags images for relabelling."""
        self._ask(ctx, "tag_for_relabelling")

    @told
    def delete(self, ctx: Any) -> None:
        """Opens the form that deletes the run."""
        self._ask(ctx, "delete_run")

    @told
    def estimate(self, ctx: Any) -> None:
        """Opens the form that estimates how many errors there are."""
        self._ask(ctx, "estimate_errors")

    @told
    def export(self, ctx: Any) -> None:
        """Opens the form that exports a clean dataset."""
        self._ask(ctx, "export_clean_dataset")

    @told
    def report(self, ctx: Any) -> None:
        """Opens the form that writes a report."""
        self._ask(ctx, "write_report")

    def _ask(self, ctx: Any, operator: str, *, of_run: bool = True) -> None:
        params = {"key": self._key(ctx)} if of_run else None  # type: ignore[attr-defined]
        ctx.prompt(f"{self.plugin_name}/{operator}", params=params, on_success=self.refresh)  # type: ignore[attr-defined]
