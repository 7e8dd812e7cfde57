"""Imports: none from a higher layer, no cycles, and no private names of other modules."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[2]
PACKAGE: Final = "ghpkg_async"
LAYERS: Final = (
    ("_cli",),
    ("cleanup", "audit.cluster", "testing.plugin"),
    ("",),
    ("_client",),
    ("audit",),
    ("_namespaces", "_owners"),
    ("_refs",),
    ("_context",),
    ("_listing",),
    ("_session", "_paging"),
    ("_codec", "_dicts", "_items"),
    ("tables",),
    ("models",),
    ("errors", "_files"),
    ("_clock", "_text", "_version"),
)
"""Layers from top to bottom; a module may import from its own layer and from lower ones."""
INDEPENDENT: Final = "testing"
"""Subpackage of the embedded server, which imports nothing from the client."""


def modules() -> dict[str, Path]:
    found = {}
    for path in sorted((ROOT / PACKAGE).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES: Final = modules()


@cache
def imports(module: str) -> tuple[tuple[str, str], ...]:
    """Return pairs of a module of the package and a name that `module` imports from it."""
    return tuple(_imports(module))


def _imports(module: str) -> Iterator[tuple[str, str]]:
    path = MODULES[module]
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.ImportFrom):
            continue
        source = node.module or ""
        if node.level:
            base = package.split(".")[: len(package.split(".")) - node.level + 1]
            source = ".".join([*base, *([source] if source else [])])
        if source.partition(".")[0] == PACKAGE:
            for alias in node.names:
                name = f"{source}.{alias.name}"
                yield (name, "") if name in MODULES else (source, alias.name)


def layer(module: str) -> int:
    name = module.removeprefix(PACKAGE).removeprefix(".")
    depths = {
        len(prefix): depth
        for depth, prefixes in enumerate(LAYERS)
        for prefix in prefixes
        if name == prefix or (prefix and name.startswith(f"{prefix}."))
    }
    return depths[max(depths)]


def is_independent(module: str) -> bool:
    return module.startswith(f"{PACKAGE}.{INDEPENDENT}") and not module.endswith(".plugin")


def test_a_module_imports_from_its_own_layer_and_those_below() -> None:
    for module in MODULES:
        for imported, name in imports(module):
            if is_independent(module):
                assert is_independent(imported) or layer(imported) == len(LAYERS) - 1, (
                    module,
                    imported,
                )
            elif not is_independent(imported):
                assert layer(imported) >= layer(module), (module, imported, name)


def test_a_module_imports_no_private_name_of_another() -> None:
    private = [
        (module, name)
        for module in MODULES
        for _, name in imports(module)
        if name.startswith("_") and name != "__version__"
    ]
    assert private == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {
        module: {imported for imported, _ in imports(module)} - {module, PACKAGE}
        for module in MODULES
        if module != PACKAGE
    }
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " -> ".join((*path[path.index(module) :], module))
        if module not in done:
            for imported in graph.get(module, ()):
                visit(imported, (*path, module))
            done.add(module)

    for module in graph:
        visit(module, ())
