"""The packages, found: pyproject.toml cannot say that those below the root are parts of ``label_quality``."""

from setuptools import find_packages, setup

ROOTS = ("plugin", "operators")
found = [name for name in find_packages() if name.partition(".")[0] in ROOTS]
setup(packages=["label_quality", *(f"label_quality.{name}" for name in found)])
