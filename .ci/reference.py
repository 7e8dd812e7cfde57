"""Build the reference of the public names as HTML in build/reference, and check its links.

    python .ci/reference.py [--external]

``--external`` requests the pages of GitHub's documentation that it links to, too.
"""

import inspect
import re
import sys
import warnings
from collections.abc import Callable
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path
from urllib.parse import unquote, urldefrag
from urllib.request import Request, urlopen

import pdoc

from ghpkg_async import Namespace, PackageRef, VersionRef
from ghpkg_async.testing._routes import SCOPES, Action

OUTPUT = Path("build/reference")
MODULES = (
    "ghpkg_async",
    "ghpkg_async.models",
    "ghpkg_async.errors",
    "ghpkg_async.audit",
    "ghpkg_async.audit.cluster",
    "ghpkg_async.tables",
    "ghpkg_async.testing",
)
NAMESPACES = ("gh.org(ORG)", "gh.me()", "gh.user(NAME)")
"""In the order in which the docstring of an operation links to GitHub's pages."""
OPERATIONS: dict[Action, tuple[str, Callable[..., object], str]] = {
    "list_packages": ("List packages", Namespace.packages, "packages(TYPE)"),
    "list_conflicts": ("List conflicts", Namespace.docker_conflicts, "docker_conflicts()"),
    "get_package": ("Get a package", PackageRef.get, "package(TYPE, NAME).get()"),
    "delete_package": ("Delete a package", PackageRef.delete, "package(TYPE, NAME).delete()"),
    "restore_package": ("Restore a package", PackageRef.restore, "package(TYPE, NAME).restore()"),
    "list_versions": ("List versions", PackageRef.versions, "package(TYPE, NAME).versions()"),
    "get_version": ("Get a version", VersionRef.get, "package(TYPE, NAME).version(ID).get()"),
    "delete_version": (
        "Delete a version",
        VersionRef.delete,
        "package(TYPE, NAME).version(ID).delete()",
    ),
    "restore_version": (
        "Restore a version",
        VersionRef.restore,
        "package(TYPE, NAME).version(ID).restore()",
    ),
}


def operations() -> list[dict[str, str]]:
    """The 27 operations: name, call, scopes of a token, GitHub's page, anchor in the reference."""
    rows = []
    for action, (name, method, call) in OPERATIONS.items():
        pages = re.findall(r"https://docs\.github\.com/\S+", inspect.getdoc(method) or "")
        for namespace, page in zip(NAMESPACES, pages, strict=True):
            rows.append(
                {
                    "name": name,
                    "call": f"{namespace}.{call}",
                    "scopes": ", ".join(SCOPES[action][0]),
                    "page": page,
                    "anchor": f"ghpkg_async.html#{method.__qualname__}",
                }
            )
    return rows


class _Page(HTMLParser):
    def __init__(self, path: Path) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        for name, value in attributes:
            if name == "id" and value:
                self.ids.add(value)
            elif name == "href" and tag == "a" and value:
                self.links.append(value)


def broken_links(*, external: bool) -> list[str]:
    """Links that lead nowhere, each after the page that it is on."""
    pages = {path.resolve(): _Page(path) for path in OUTPUT.rglob("*.html")}
    broken, outside = [], set()
    for path, page in pages.items():
        for link in page.links:
            target, anchor = urldefrag(link)
            if target.startswith(("https:", "http:")):
                outside.add(target)
                continue
            found = pages.get((path.parent / unquote(target)).resolve() if target else path)
            if found is None or (anchor and unquote(anchor) not in found.ids):
                broken.append(f"{path.relative_to(OUTPUT.resolve())}: {link}")
    return broken + [link for link in sorted(outside) if external and not _answers(link)]


def _answers(link: str) -> bool:
    try:
        with urlopen(Request(link, method="HEAD"), timeout=20) as response:  # noqa: S310
            return bool(response.status == 200)
    except OSError:
        return False


def _resolve_names() -> None:
    """Import what the modules import on first use; pdoc looks at their dictionaries only."""
    for module in map(import_module, MODULES):
        vars(module).update({name: getattr(module, name) for name in module.__all__})


def main() -> None:
    """Build, then check; leave with 1 if a name is missing or a link is broken."""
    warnings.filterwarnings("error", message="Found .* does not resolve")
    _resolve_names()
    templates = Path(__file__).parent / "templates"
    pdoc.render.configure(docformat="google", template_directory=templates)
    pdoc.render.env.globals["operations"] = operations()
    pdoc.pdoc(*MODULES, output_directory=OUTPUT)
    if broken := broken_links(external="--external" in sys.argv):
        sys.exit("broken links:\n" + "\n".join(broken))
    print(f"{OUTPUT}/index.html")


if __name__ == "__main__":
    main()
