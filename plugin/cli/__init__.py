"""The command ``label-quality``."""
