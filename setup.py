"""The packages, found: pyproject.toml cannot say that those below the root are parts of ``label_quality``."""

from __future__ import annotations

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOTS = ("plugin", "operators")


class BuildPackages(build_py):
    """Leaves this file out, which lies in the folder of the package as well."""

    def find_package_modules(self, package: str, package_dir: str) -> list[tuple[str, str, str]]:
        return [one for one in super().find_package_modules(package, package_dir) if one[:2] != (package, "setup")]


found = [name for name in find_packages() if name.partition(".")[0] in ROOTS]
setup(packages=["label_quality", *(f"label_quality.{name}" for name in found)], cmdclass={"build_py": BuildPackages})
