"""Verdicts, tags, corrected masks, clean datasets and the hand-over to annotation."""
