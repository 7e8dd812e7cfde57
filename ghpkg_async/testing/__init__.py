"""The embedded GitHub Packages: a faithful fake of GitHub's Packages API to test against.

It has all 27 endpoints with state behind them, listens on 127.0.0.1, and is filled by a small
builder or a JSON file. It answers as recorded responses of GitHub.com do; `EmbeddedGitHub` lists
the other GitHubs it imitates.

    from ghpkg_async.testing import EmbeddedGitHub, World

    world = World()
    app = world.org("acme").package("container", "team/app", versions=3)
    world.token("ghp_x", login="octocat", scopes=["read:packages"])
    async with EmbeddedGitHub(world) as server:
        ...  # any client, at server.url

What goes wrong is switched on with `Faults`: latency, resets, stalls, cut answers, server errors
that may or may not have done what they were asked, missing `Link`, and GitHub's limits:

    server.faults = Faults(seed=7, server_error=0.1, primary_limit=PrimaryLimit(60, window=2))
    server.faults.next("reset_after", method="DELETE")

With pytest, the fixtures `github` and `github_client` are there as soon as the library is
installed; see `ghpkg_async.testing.plugin`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._behavior import Behaves
    from ._demo import demo_world
    from ._faults import Fault, Faults
    from ._images import push_build_cache, push_image, push_signature
    from ._limits import PrimaryLimit, SecondaryLimit
    from ._packages import Namespace, Package, Repository, Version
    from ._refusals import Refusal
    from ._server import EmbeddedGitHub, Hook, Received
    from ._tokens import ALL_SCOPES, Token, TokenKind
    from ._world import World

__all__ = [
    "ALL_SCOPES",
    "Behaves",
    "EmbeddedGitHub",
    "Fault",
    "Faults",
    "Hook",
    "Namespace",
    "Package",
    "PrimaryLimit",
    "Received",
    "Refusal",
    "Repository",
    "SecondaryLimit",
    "Token",
    "TokenKind",
    "Version",
    "World",
    "demo_world",
    "push_build_cache",
    "push_image",
    "push_signature",
]

# pytest loads the plugin in this package wherever the library is installed, so the package itself
# has to cost nothing: each name brings its module when it is first asked for.
_HOMES = {
    "_behavior": ("Behaves",),
    "_demo": ("demo_world",),
    "_faults": ("Fault", "Faults"),
    "_images": ("push_build_cache", "push_image", "push_signature"),
    "_limits": ("PrimaryLimit", "SecondaryLimit"),
    "_packages": ("Namespace", "Package", "Repository", "Version"),
    "_refusals": ("Refusal",),
    "_server": ("EmbeddedGitHub", "Hook", "Received"),
    "_tokens": ("ALL_SCOPES", "Token", "TokenKind"),
    "_world": ("World",),
}


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
