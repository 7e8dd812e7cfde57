"""Embedded GitHub Packages: a stateful fake of GitHub's Packages API for tests.

It has all 27 endpoints, listens on 127.0.0.1, and is filled by a builder, ``World``, or a JSON
file. By default it responds like recorded responses of GitHub.com; ``EmbeddedGitHub`` lists the
other GitHubs that it imitates.

    from ghpkg_async.testing import EmbeddedGitHub, World

    world = World()
    app = world.org("acme").package("container", "team/app", versions=3)
    world.token("ghp_x", login="octocat", scopes=["read:packages"])
    async with EmbeddedGitHub(world) as server:
        ...  # any client, at server.url

``Faults`` adds latency, resets, stalls, truncated responses, server errors before or after the
request is carried out, missing ``Link`` headers, and GitHub's rate limits:

    server.faults = Faults(seed=7, server_error=0.1, primary_limit=PrimaryLimit(60, window=2))
    server.faults.next("reset_after", method="DELETE")

The fixtures ``github`` and ``github_client`` are available in pytest without configuration; see
``ghpkg_async.testing.plugin``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

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

# Names are imported on first use: `ghpkg serve` and `ghpkg --help` import `Behaves` from this
# package, and need not import the server for that.
_HOMES: Final = {
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
