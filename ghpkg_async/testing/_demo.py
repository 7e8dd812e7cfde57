"""Demo data: two organizations and a user with packages of all types."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from ._images import push_build_cache, push_image, push_signature
from ._manifests import image_manifest
from ._world import World

if TYPE_CHECKING:
    from ._packages import Namespace, Package
    from ._world_base import Clock

NOW: Final = datetime(2025, 6, 2, 9, 0, tzinfo=UTC)
"""Current time of the demo; fixed, so that each run has the same times."""

_AREAS: Final = (
    "auth",
    "billing",
    "cart",
    "catalog",
    "chat",
    "docs",
    "ledger",
    "mail",
    "media",
    "search",
)
_PARTS: Final = (
    "api",
    "cache",
    "client",
    "config",
    "core",
    "events",
    "forms",
    "icons",
    "models",
    "router",
    "types",
)
_VISIBILITIES: Final = ("private", "public", "internal")


def demo_world(*, clock: Clock | None = None) -> World:
    """Return the world of ``ghpkg demo`` and ``ghpkg serve --demo``, with the same data each time.

    The organizations ``acme`` and ``octo-org`` and the user ``octocat`` have packages of all six
    types and three visibilities. They include names with slashes, packages of over a hundred
    versions, untagged and deleted versions, multi-platform images with attestations, a signature
    and a build cache, Docker migration conflicts, and public packages that cannot be deleted
    because of over 5,000 downloads. Both tokens are octocat's: ``ghp_demo`` has every scope,
    ``ghp_demo_read`` has ``read:packages``.

    Args:
        clock: Clock of the world, as in ``World``. Default: always 9:00 UTC on 2 June 2025, so that
            deleted versions remain restorable.
    """
    world = World(clock or (lambda: NOW))
    _acme(world.org("acme"))
    _octo_org(world.org("octo-org"))
    _octocat(world.user("octocat"))
    world.token("ghp_demo", login="octocat")
    world.token("ghp_demo_read", login="octocat", scopes=["read:packages"])
    return world


def _ago(days: int) -> datetime:
    return NOW - timedelta(days=days)


def _acme(acme: Namespace) -> None:
    names = [f"{area}-{part}" for area in _AREAS for part in _PARTS]
    for number, name in enumerate(names):
        acme.package(
            "npm",
            name,
            visibility=_VISIBILITIES[number % 3],
            repository=name.split("-")[0],
            versions=1 + number % 4,
            created_at=_ago(400 - number),
        )
    _images(acme, "team/app", repository="app", visibility="private", builds=140)
    _images(acme, "team/worker", repository="app", visibility="internal", builds=12)
    _images(acme, "gateway", repository=None, visibility="public", builds=6)
    _releases(acme.find("container", "gateway"))
    for days, (kind, name) in enumerate(
        [
            ("maven", "com.acme.ledger"),
            ("rubygems", "acme-deploy"),
            ("nuget", "Acme.Billing"),
            ("docker", "app/base"),
        ]
    ):
        acme.package(
            kind,
            name,
            visibility=_VISIBILITIES[days % 3],
            repository="platform",
            versions=3,
            created_at=_ago(300 + days),
        )
    for days, name in enumerate(["old-image", "app/legacy"]):
        acme.docker_conflict(name, repository="platform", versions=2, created_at=_ago(900 + days))
    popular = acme.package(
        "npm", "left", visibility="public", repository="left", created_at=_ago(700)
    )
    popular.version("1.0.0", downloads=48_210, created_at=_ago(700), license="MIT")
    popular.version("1.0.1", downloads=5_001, created_at=_ago(500), license="MIT")
    popular.version("1.1.0", downloads=12, created_at=_ago(20), description="Pads on the left")


def _octo_org(octo: Namespace) -> None:
    for number, area in enumerate(_AREAS):
        for kind, name in (
            ("maven", f"com.octo.{area}"),
            ("rubygems", f"octo-{area}"),
            ("nuget", f"Octo.{area.title()}"),
            ("npm", f"octo-{area}"),
        ):
            octo.package(
                kind,
                name,
                visibility=_VISIBILITIES[number % 3],
                repository=area,
                versions=2 + number % 3,
                created_at=_ago(350 - number),
            )
    for number, area in enumerate(_AREAS * 4):
        octo.package(
            "container",
            f"{area}/{('web', 'job', 'db', 'proxy')[number // len(_AREAS)]}",
            visibility=_VISIBILITIES[number % 3],
            versions=1 + number % 5,
            created_at=_ago(250 - number),
        )
    octo.docker_conflict("hello_docker", versions=1, created_at=_ago(1000))


def _octocat(octocat: Namespace) -> None:
    _images(octocat, "dotfiles", repository="dotfiles", visibility="public", builds=4)
    for days, (kind, name) in enumerate(
        [
            ("npm", "hello-world-npm"),
            ("maven", "com.octocat.hello"),
            ("rubygems", "octo-name"),
            ("nuget", "Octocat.Hello"),
            ("docker", "spoon/knife"),
        ]
    ):
        octocat.package(
            kind,
            name,
            visibility=("public", "private")[days % 2],
            repository="hello-world",
            versions=2,
            created_at=_ago(200 + days),
        )
    octocat.docker_conflict("old-image", versions=1, created_at=_ago(800))


def _images(
    owner: Namespace, name: str, *, repository: str | None, visibility: str, builds: int
) -> None:
    """Create an image with a build per day: one in three tagged, two deleted."""
    image = owner.package(
        "container",
        name,
        repository=repository,
        visibility=visibility,
        versions=builds,
        created_at=_ago(builds + 3),
    )
    for number, version in enumerate(reversed(image.versions())):
        version.created_at = version.updated_at = _ago(builds - number)
        version.downloads = 7 * number
        if number % 3:
            version.tags = ()
    newest = image.versions()[0]
    newest.tags = ("latest", f"1.{builds}")
    for days in (2, 10):
        image.push(
            image_manifest(f"{owner.login}/{name} deleted {days} days ago"),
            created_at=_ago(days + 60),
            deleted_at=_ago(days),
        )


def _releases(package: Package) -> None:
    """Push multi-platform images (one signed, two sharing a child, one untagged) and a cache."""
    push_image(package, seed="nightly", created_at=_ago(45))
    first = push_image(package, tags=["2.0", "2"], created_at=_ago(40))
    before = package.versions()
    second = push_image(
        package, tags=["2.1"], platforms=["linux/amd64"], attestations=False, created_at=_ago(20)
    )
    children = [version for version in package.versions() if version not in (*before, second)]
    push_image(
        package, tags=["2.1.1"], platforms=["linux/arm64"], shared=children, created_at=_ago(9)
    )
    push_signature(first, created_at=_ago(40))
    push_build_cache(package, tags=["buildcache"], created_at=_ago(9))
