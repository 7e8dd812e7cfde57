"""Apply a plan: check it, open journal and registry, and delete its groups."""

from __future__ import annotations

import os
import socket
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from .._client import session_of
from ..errors import ConfigurationError
from ._deleter import Deleter
from ._journal import APPLY_CODEC, ApplyEnd, ApplyHeader, Journal, read_journal
from ._preflight import preflight
from ._registry import Registry, registry_url_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import timedelta

    from .._client import GitHubPackages
    from ._apply_result import ApplyResult
    from ._journal import ApplyRecord, Outcome
    from ._plan_file import Plan
    from ._policy_values import MaxDeletes
    from ._preflight import ServerClock
    from ._records import Group, PackageKey

__all__ = ["apply", "check_header"]


async def apply(
    client: GitHubPackages,
    plan: Plan,
    *,
    journal: str | os.PathLike[str],
    check: bool = False,
    max_deletes: MaxDeletes | None = None,
    max_plan_age: timedelta | None = None,
    registry_url: str | None = None,
    cache: str | os.PathLike[str] | None = None,
    on_outcome: Callable[[Outcome], object] | None = None,
) -> ApplyResult:
    """Delete the versions of a plan.

    Each package is listed again first. A group whose versions changed since the plan, or that
    another version now needs, is not deleted. Within a group, images are deleted before their
    parts; if GitHub refuses to delete an image, its parts stay. Called again with the same journal,
    it resumes.

    Args:
        client: sends the requests; its token needs the scopes ``read:packages`` and
            ``delete:packages``.
        plan: the plan; the policy is not evaluated again.
        journal: file for the intents and outcomes; created if it does not exist.
        check: only compare the plan with the server; delete nothing and write no journal.
        max_deletes: limits instead of those of the policy.
        max_plan_age: maximum age of the plan; the plan's own expiry applies too.
        registry_url: root of the registry; ``None`` derives it from the client's base URL.
        cache: file for manifests; ``None`` for no cache.
        on_outcome: called with each outcome; what it raises is logged.

    Raises:
        ConfigurationError: the plan has expired, is over its limit or of another server, the
            journal cannot be written or belongs to another plan, or the token lacks a scope.
        GitHubPackagesError: the server did not respond at all.
        OSError: the journal could not be written. Nothing is deleted after that.
    """
    _check_servers(client, plan, registry_url)
    if over := plan.over_limit(max_deletes):
        raise ConfigurationError(
            f"plan: {over}. Raise max-deletes for this run, or remove groups from the plan"
        )
    path = Path(journal)
    async with AsyncExitStack() as stack:
        writer: Journal[ApplyRecord] | None = None
        if check:
            records = _existing_records(path)
        else:
            writer = stack.enter_context(Journal(path, APPLY_CODEC))
            records = writer.records
        check_header(path, records, plan.sha256)
        clock = await preflight(client, "read:packages", "delete:packages")
        _check_age(plan, clock, max_plan_age)
        registry = await stack.enter_async_context(
            Registry(client, url=plan.header.registry_url, cache=cache)
        )
        if writer is not None and not records:
            await writer.append_durably(
                ApplyHeader(
                    plan_sha256=plan.sha256,
                    started_at=clock.now(),
                    base_url=plan.header.base_url,
                    registry_url=plan.header.registry_url,
                    host=socket.gethostname(),
                    pid=os.getpid(),
                )
            )
        deleter = Deleter(client, registry, writer, clock, records, on_outcome)
        groups: dict[PackageKey, list[Group]] = {}
        for group in plan.groups:
            groups.setdefault(group.package, []).append(group)
        for package, of_package in groups.items():
            await deleter.apply_to(package, of_package)
        result = deleter.result(plan, path)
        if writer is not None:
            await writer.append_durably(ApplyEnd(at=clock.now(), counts=dict(result.counts)))
        return result


def _existing_records(path: Path) -> list[ApplyRecord]:
    return list(read_journal(path, APPLY_CODEC)) if path.exists() else []


def check_header(path: Path, records: Sequence[object], plan_sha256: str) -> None:
    """Check that a journal, if it has records, is that of a plan.

    Raises:
        ConfigurationError: it is not.
    """
    header = records[0] if records else None
    sha256 = getattr(header, "plan_sha256", None)
    if header is not None and sha256 is None:
        raise ConfigurationError(f"{path}: not a journal: its first line is not a header")
    if sha256 not in (None, plan_sha256):
        raise ConfigurationError(
            f"{path}: the journal of another plan ({sha256[:12]}..., not {plan_sha256[:12]}...); "
            "name another file"
        )


def _check_servers(client: GitHubPackages, plan: Plan, registry_url: str | None) -> None:
    """Refuse a plan of another server: a plan must not decide which host gets the token."""
    base_url = session_of(client).base_url
    if str(base_url) != plan.header.base_url:
        raise ConfigurationError(
            f"plan: made with {plan.header.base_url}, but the client's base URL is {base_url}"
        )
    expected = (registry_url or str(registry_url_of(base_url))).rstrip("/")
    if plan.header.registry_url.rstrip("/") != expected:
        raise ConfigurationError(
            f"registry_url: the plan was made with {plan.header.registry_url}, not {expected}; "
            "pass the URL of the plan if it is right"
        )


def _check_age(plan: Plan, clock: ServerClock, max_age: timedelta | None) -> None:
    expires_at = plan.header.expires_at
    if max_age is not None and clock.now() >= plan.header.created_at + max_age:
        raise ConfigurationError(
            f"max_plan_age: the plan was made at {plan.header.created_at:%Y-%m-%d %H:%M} UTC, "
            "longer ago than that; plan again"
        )
    if clock.now() >= expires_at:
        raise ConfigurationError(
            f"plan: expired at {expires_at:%Y-%m-%d %H:%M} UTC by the server's clock; plan again"
        )
