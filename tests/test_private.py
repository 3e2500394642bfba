"""FiftyOne's private names have one place: `private_fiftyone`, which says why each is needed."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ADAPTER = ROOT / "plugin" / "samples" / "private_fiftyone.py"
MODULES = sorted([*ROOT.glob("plugin/**/*.py"), *ROOT.glob("operators/**/*.py")])
#: Private names that are not FiftyOne's
OTHERS = {"os._exit", "begun._save"}


def foreign_names(source: str) -> Iterator[str]:
    """Private names that the module uses of objects that are not its own, and FiftyOne's packages without a promise."""
    tree = ast.parse(source)
    nodes = list(ast.walk(tree))
    own = {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    own |= {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    own |= {node.attr for node in nodes if _of_self(node) and isinstance(node.ctx, ast.Store)}
    for node in nodes:
        if isinstance(node, ast.Attribute) and _private(node.attr) and not _of_self(node) and node.attr not in own:
            yield ast.unparse(node)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("getattr", "hasattr", "setattr"):
            name = node.args[1]
            if isinstance(name, ast.Constant) and _private(name.value) and name.value not in own:
                yield ast.unparse(node)
        if isinstance(node, ast.ImportFrom | ast.Import):
            names = [f"{getattr(node, 'module', None) or ''}.{one.name}".strip(".") for one in node.names]
            yield from (one for one in names if one.startswith("fiftyone.core.odm"))
            yield from (one for one in names if one.startswith("fiftyone.") and _private(one.rpartition(".")[2]))


def _of_self(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")


def _private(name: object) -> bool:
    return isinstance(name, str) and name.startswith("_") and not name.startswith("__")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_but_one_uses_private_names(path: Path) -> None:
    found = set(foreign_names(path.read_text())) - OTHERS
    assert bool(found) == (path == ADAPTER), found


@pytest.mark.parametrize(
    "source",
    [
        "dataset._doc.id",
        'getattr(session._client, "_connected", True)',
        "from fiftyone.core import odm",
        "import fiftyone.core.odm as food",
        "fo.Sample._reload_docs(name)",
    ],
)
def test_private_names_are_seen(source: str) -> None:
    assert list(foreign_names(source))


def test_a_modules_own_names_are_its_own() -> None:
    source = "class A:\n def _f(self): self._x = 1\n def g(self, other: A): return other._x + other._f()"
    assert not list(foreign_names(source))
