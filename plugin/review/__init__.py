"""Verdicts, tags, corrected masks and the hand-over to annotation."""
