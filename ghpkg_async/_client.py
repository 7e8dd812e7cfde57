"""The client, `GitHubPackages`."""

from __future__ import annotations

import math
import os
from copy import copy
from typing import TYPE_CHECKING, Any

from ._context import Context
from ._namespaces import NamespaceFactory
from ._session.auth import (
    Credentials,
    check_api_root,
    check_header_value,
    parse_base_url,
    token_for,
)
from ._session.limits import Limits
from ._session.redaction import Redactor
from ._session.scheduler import RequestScheduler
from ._session.sender import Options
from ._session.session import Session
from ._session.stats import Stats
from ._session.transport import Transport
from ._version import __version__
from .errors import ConfigurationError
from .models import PACKAGE_TYPES

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from types import TracebackType
    from typing import Self

    import aiohttp

    from ._namespaces import Namespace
    from ._session.auth import Token
    from ._session.cache import Cache
    from ._session.hooks import RequestEvent
    from ._session.limits import RateLimit
    from ._session.scheduler import RateLimitWait
    from .audit._audit import Audit
    from .audit._events import OnEvent
    from .audit._records import ListingKey
    from .models import PackageType

__all__ = ["GitHubPackages"]


class GitHubPackages:
    """A client for GitHub's Packages REST API.

    Use it in ``async with``, or without, as in a notebook, and ``await gh.close()`` at the end. One
    client holds one token, one connection pool and one view of GitHub's limits, for as many tasks
    as share it. It belongs to the event loop of its first call.

    Args:
        token: a string, or an object with ``async def token() -> str`` for tokens that rotate.
            ``None``: the environment, as GitHub's command line reads it (``GH_TOKEN``, then
            ``GITHUB_TOKEN``, for api.github.com and ``*.ghe.com``; ``GH_ENTERPRISE_TOKEN``, then
            ``GITHUB_ENTERPRISE_TOKEN``, for a host that is not GitHub's own, and only for
            ``GH_HOST`` if that is set). ``""``: anonymous.
        base_url: the API's root; for GitHub Enterprise Server ``https://HOST/api/v3``.
        api_version: value of ``X-GitHub-Api-Version``; ``None`` sends no such header, for servers
            older than API versioning.
        accept: value of ``Accept``; servers older than API versioning document
            ``application/vnd.github.v3+json``.
        session: an `aiohttp.ClientSession` whose connections to use. It is not changed, and not
            closed; of its settings, only the connector, the trace configs and, except for loopback,
            the proxy are used.
        concurrency: maximum number of requests in flight, over the whole client; at least 1.
        timeout: seconds for one attempt, greater than 0.
        max_retries: further attempts after a lost connection, a timeout, or one of the statuses
            408, 500 to 505, 507 and 520 to 530; at least 0.
        max_rate_limit_wait: seconds, at least 0. A rate limit that requires a longer wait raises
            `RateLimited` at once. A server error whose ``Retry-After`` is longer than this and than
            30 seconds is raised without a retry.
        points_per_minute: GitHub's secondary-limit budget (GET 1, writes 5). 60 % of it may be
            spent at once, the rest is spread over the minute, and writes are sent at least a second
            apart. ``None``: no pacing, and no second between writes.
        cache: a file for ETags and bodies between runs: an unchanged response then costs nothing
            of the hourly budget. The SQLite file holds private responses unencrypted; it is
            created for its owner only (mode 0600), and not used if other users may access it.
            Processes of the same user may share it.
        user_agent: value of ``User-Agent``; GitHub asks for your application's name.
        on_wait: called with a `RateLimitWait` when a rate limit begins to hold requests; what it
            raises is logged and ignored.
        on_request: called with a `RequestEvent` after each attempt at a request; what it raises is
            logged and ignored.

    Raises:
        ConfigurationError: an argument is invalid; no request was sent.

    https://docs.github.com/en/rest/packages/packages
    """

    def __init__(
        self,
        token: Token = None,
        *,
        base_url: str = "https://api.github.com",
        api_version: str | None = "2022-11-28",
        accept: str = "application/vnd.github+json",
        session: aiohttp.ClientSession | None = None,
        concurrency: int = 16,
        timeout: float = 30.0,
        max_retries: int = 4,
        max_rate_limit_wait: float = 900.0,
        points_per_minute: int | None = 900,
        cache: str | os.PathLike[str] | None = None,
        user_agent: str | None = None,
        on_wait: Callable[[RateLimitWait], object] | None = None,
        on_request: Callable[[RequestEvent], object] | None = None,
    ) -> None:
        redactor = Redactor()
        with redactor.redacting():
            root = parse_base_url(base_url)
            check_api_root(root)
            credentials = Credentials(token_for(token, root, os.environ), redactor)
        del token  # An error below may be reported with the locals of this frame.
        self._base_url = root
        headers = {
            "Accept": check_header_value(accept, "accept"),
            "User-Agent": check_header_value(user_agent, "user_agent")
            if user_agent is not None
            else f"ghpkg-async/{__version__}",
        }
        if api_version is not None:
            headers["X-GitHub-Api-Version"] = check_header_value(api_version, "api_version")
        options = _checked(Options(timeout, max_retries, max_rate_limit_wait))
        _check_whole("concurrency", concurrency, at_least=1)
        if points_per_minute is not None:
            _check_whole("points_per_minute", points_per_minute, at_least=1)
        stats = Stats()
        scheduler = RequestScheduler(
            Limits(points_per_minute, concurrency), concurrency, stats, on_wait=on_wait
        )
        self._session = Session(
            root,
            Transport(
                root.origin(),
                headers=headers,
                redactor=redactor,
                stats=stats,
                injected=session,
            ),
            scheduler,
            credentials,
            redactor=redactor,
            options=options,
            stats=stats,
            cache=None if cache is None else _cache(cache),
            variant=(str(root), api_version or "", accept),
            on_request=on_request,
        )
        self._namespaces = NamespaceFactory(Context(self._session, concurrency))

    def __repr__(self) -> str:
        return f"<GitHubPackages of {self._base_url}>"

    def with_options(
        self,
        *,
        timeout: float | None = None,
        max_retries: int | None = None,
        max_rate_limit_wait: float | None = None,
    ) -> Self:
        """Return a view of this client with other options; ``None`` keeps the current value.

        Connections, token, limits, cache and statistics are shared: closing either closes both.

        Args:
            timeout: as for `GitHubPackages`.
            max_retries: as for `GitHubPackages`.
            max_rate_limit_wait: as for `GitHubPackages`.

        Raises:
            ConfigurationError: an option is out of its range.
        """
        options = self._session.options
        view = copy(self)
        view._session = self._session.with_options(
            _checked(
                Options(
                    options.timeout if timeout is None else timeout,
                    options.max_retries if max_retries is None else max_retries,
                    options.max_rate_limit_wait
                    if max_rate_limit_wait is None
                    else max_rate_limit_wait,
                )
            )
        )
        view._namespaces = NamespaceFactory(self._namespaces.context.over(view._session))
        return view

    async def __aenter__(self) -> Self:
        self._session.open()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self, timeout: float = 0.0) -> None:  # noqa: ASYNC109
        """Close the client: calls in flight and later ones raise `ClientClosed`.

        Args:
            timeout: seconds that calls in flight get to finish first, listings included; later
                calls are refused at once.
        """
        _check_seconds("timeout", timeout, zero=True)
        await self._session.close(timeout)

    @property
    def rate_limit(self) -> RateLimit | None:
        """The hourly budget in the last response; ``None`` before one had it."""
        return self._session.scheduler.limits.rate_limit

    @property
    def stats(self) -> Stats:
        """Counts of this client's requests so far."""
        self._session.scheduler.update_seconds()
        return copy(self._session.stats)

    def org(self, org: str) -> Namespace:
        """An organization's packages.

        Args:
            org: its name; not case sensitive.
        """
        return self._namespaces.org(org)

    def me(self) -> Namespace:
        """The packages of the token's user."""
        return self._namespaces.me()

    def user(self, username: str) -> Namespace:
        """A user's packages.

        Args:
            username: the user's login; not case sensitive.
        """
        return self._namespaces.user(username)

    def audit(
        self,
        owners: Iterable[str | Namespace],
        *,
        package_types: Iterable[PackageType | str] = PACKAGE_TYPES,
        versions: bool = False,
        consistent: bool = False,
        skip: Collection[ListingKey] = (),
        on_event: OnEvent | None = None,
    ) -> Audit:
        """List the packages of many owners concurrently; a failure of one does not end the others.

        The hourly budget of 5,000 requests may run out: a client with ``max_rate_limit_wait=3600``
        waits for the next hour, any other records the rest as failures. A token source that raises
        ends the audit, because every owner needs its token. To continue, pass the listings of the
        `ListingDone` records that `Audit.batches` has yielded as ``skip`` to the next audit.

        Args:
            owners: names as people write them (``"acme"``, ``"user:octocat"``, ``"me"``) or this
                client's namespaces; each is listed once.
            package_types: which types to list; with ``"docker"``, the Docker conflicts too.
            versions: whether to list each package's versions too and sum them up: a request or
                more for every package.
            consistent: list again until the listing is proven complete, so that a change by others
                during the audit hides no package or version.
            skip: listings to leave out, as in the `ListingDone` records of an earlier audit.
            on_event: called with each `ghpkg_async.audit.Event`, from the event loop.

        Returns:
            An `Audit`, to iterate or to await. No request is sent before.

        Raises:
            ConfigurationError: an owner or a type is invalid.
        """
        from .audit import Audit

        return Audit(
            self._namespaces,
            owners,
            package_types=package_types,
            versions=versions,
            consistent=consistent,
            skip=skip,
            on_event=on_event,
        )


def session_of(client: GitHubPackages) -> Session:
    """Return the session layer of a client, for other parts of the library."""
    return client._session


def _checked(options: Options) -> Options:
    _check_seconds("timeout", options.timeout, zero=False)
    _check_whole("max_retries", options.max_retries, at_least=0)
    _check_seconds("max_rate_limit_wait", options.max_rate_limit_wait, zero=True)
    return options


def _cache(path: str | os.PathLike[str]) -> Cache:
    from ._session.cache import Cache  # Without a cache, SQLite need not be imported.

    return Cache(path)


def _check_whole(argument: str, value: Any, *, at_least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < at_least:
        raise ConfigurationError(
            f"{argument}: {value!r} is not a whole number of at least {at_least}"
        )


def _check_seconds(argument: str, value: Any, *, zero: bool) -> None:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or value < 0 or (value == 0 and not zero):
        least = "at least 0" if zero else "greater than 0"
        raise ConfigurationError(f"{argument}: {value!r} is not a number of seconds, {least}")
