"""Folds and the fits of their models."""
