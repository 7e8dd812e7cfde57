"""Division of owners, tokens and rate limits among parts. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

import attrs

from ..._client import GitHubPackages
from ..._owners import parse_owner
from ...errors import ConfigurationError
from .._owners import Shard

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ..._session.auth import Token, TokenSource
    from .._records import AuditHeader

__all__ = ["Budget", "ClientOptions", "Job", "budgets", "parted", "parts_for", "unique_tokens"]


class ClientOptions(TypedDict, total=False):
    """Options of the client of each part; see `GitHubPackages`."""

    api_version: str | None
    accept: str
    timeout: float
    max_retries: int
    max_rate_limit_wait: float
    user_agent: str | None


@attrs.frozen
class Budget:
    """Rate of requests that a client may send.

    Attributes:
        points_per_minute: points of GitHub's secondary rate limit; ``None``: no pacing.
        concurrency: maximum number of requests in flight.
    """

    points_per_minute: int | None
    concurrency: int


@attrs.frozen
class Job:
    """A part of the owners to be audited.

    Dask logs the repr of a job that fails, so it shows neither the token nor the owners.

    Attributes:
        key: the unique key of the Dask task.
        path: the file to write.
        header: the owners and options of the part.
        token: the token; ``None``: read from the environment of the worker.
        budget: the rate of requests.
        options: options of the client.
    """

    key: str
    path: str
    header: AuditHeader = attrs.field(repr=False)
    token: Token = attrs.field(repr=False)
    budget: Budget
    options: ClientOptions = attrs.field(repr=False)

    def client(self) -> GitHubPackages:
        """Make the client of the part."""
        return GitHubPackages(
            self.token,
            base_url=self.header.base_url,
            points_per_minute=self.budget.points_per_minute,
            concurrency=self.budget.concurrency,
            **self.options,
        )


def unique_tokens(tokens: Iterable[str | TokenSource] | None) -> list[Token]:
    """Return the tokens without duplicates, which would exceed the rate limit of the token.

    Args:
        tokens: the tokens; ``None``: the one in the environment.

    Raises:
        ConfigurationError: the list is empty.
    """
    if tokens is None:
        return [None]
    if isinstance(tokens, str):
        raise ConfigurationError("tokens: this is one token; give a list of them")
    unique: list[Token] = []
    for token in tokens:
        if token not in unique:
            unique.append(token)
    if not unique:
        raise ConfigurationError("tokens: none; give at least one, or None for the environment")
    return unique


def parts_for(workers: int, tokens: int, budget: Budget) -> int:
    """Return the number of parts that keeps all workers and tokens busy."""
    parts_per_token = min(budget.concurrency, budget.points_per_minute or budget.concurrency)
    return max(tokens, min(workers, tokens * parts_per_token))


def parted(owners: Sequence[str], count: int) -> list[tuple[str, ...]]:
    """Divide the owners into at most ``count`` parts by their names, without empty parts.

    Raises:
        ConfigurationError: ``count`` is not a whole number of at least 1.
    """
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise ConfigurationError(f"parts: {count!r} is not a whole number of at least 1")
    parsed = {owner: parse_owner(owner) for owner in owners}
    shards = (Shard(index, count) for index in range(1, count + 1))
    parts = (tuple(owner for owner in owners if shard.holds(parsed[owner])) for shard in shards)
    return [part for part in parts if part]


def budgets(parts: int, tokens: int, budget: Budget) -> list[Budget]:
    """Divide the budget of each token among its parts; part ``i`` uses token ``i % tokens``.

    Args:
        parts: the number of parts.
        tokens: the number of tokens.
        budget: the budget of one token.

    Raises:
        ConfigurationError: the budget is too small for the number of parts of a token.
    """
    shares: list[Budget] = [budget] * parts
    for token in range(min(tokens, parts)):
        sharing = len(range(token, parts, tokens))
        points: Sequence[int | None] = [None] * sharing
        if budget.points_per_minute is not None:
            points = divided("points_per_minute", budget.points_per_minute, sharing)
        concurrency = divided("concurrency", budget.concurrency, sharing)
        shares[token::tokens] = map(Budget, points, concurrency)
    return shares


def divided(argument: str, total: int, among: int) -> list[int]:
    """Divide a number into shares that differ by at most one."""
    if total < among:
        raise ConfigurationError(f"{argument}: {total} cannot be divided among {among} parts")
    share, rest = divmod(total, among)
    return [share + (index < rest) for index in range(among)]
