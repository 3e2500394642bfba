"""Corrected masks: written from confirmed suspects, or loaded and compared with the given ones."""
