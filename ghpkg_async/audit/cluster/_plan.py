"""Who does what: owners in parts, tokens for them, and what each may spend. Pure."""

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
    """How each part's client is made; `GitHubPackages` describes them."""

    api_version: str | None
    accept: str
    timeout: float
    max_retries: int
    max_rate_limit_wait: float
    user_agent: str | None


@attrs.frozen
class Budget:
    """What a client may spend.

    Attributes:
        points_per_minute: of GitHub's secondary limit; ``None``: no pacing.
        concurrency: requests in flight at once.
    """

    points_per_minute: int | None
    concurrency: int


@attrs.frozen
class Job:
    """A part, before it is done.

    Dask writes a job to its logs when it fails: it shows little, and of the token nothing.

    Attributes:
        key: Dask's for the task, like no other.
        path: the file to write.
        header: what to ask.
        token: what to ask with; ``None``: the worker's environment has it.
        budget: what to spend.
        options: how to make the client.
    """

    key: str
    path: str
    header: AuditHeader = attrs.field(repr=False)
    token: Token = attrs.field(repr=False)
    budget: Budget
    options: ClientOptions = attrs.field(repr=False)

    def client(self) -> GitHubPackages:
        """The part's own client."""
        return GitHubPackages(
            self.token,
            base_url=self.header.base_url,
            points_per_minute=self.budget.points_per_minute,
            concurrency=self.budget.concurrency,
            **self.options,
        )


def unique_tokens(tokens: Iterable[str | TokenSource] | None) -> list[Token]:
    """The tokens, each once, since two clients with one would spend it twice.

    Args:
        tokens: as the caller gave them; ``None``: the one of the environment.

    Raises:
        ConfigurationError: there are none.
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
    """How many parts keep all workers and all tokens busy, each with something to spend."""
    each = min(budget.concurrency, budget.points_per_minute or budget.concurrency)
    return max(tokens, min(workers, tokens * each))


def parted(owners: Sequence[str], count: int) -> list[tuple[str, ...]]:
    """The owners in so many parts, by their names; parts that nobody falls into are left out.

    Raises:
        ConfigurationError: the number is none.
    """
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise ConfigurationError(f"parts: {count!r} is not a whole number of at least 1")
    parsed = {owner: parse_owner(owner) for owner in owners}
    shards = (Shard(index, count) for index in range(1, count + 1))
    parts = (tuple(each for each in owners if shard.holds(parsed[each])) for shard in shards)
    return [part for part in parts if part]


def budgets(parts: int, tokens: int, budget: Budget) -> list[Budget]:
    """What each part may spend, if the tokens go round: part 0 has the first, and so on.

    Args:
        parts: how many there are.
        tokens: how many there are.
        budget: what one token may spend.

    Raises:
        ConfigurationError: it is too little to be divided among the parts of a token.
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
    """A number in shares that differ by one at most, and are together no more and no less."""
    if total < among:
        raise ConfigurationError(f"{argument}: {total} cannot be divided among {among} parts")
    share, rest = divmod(total, among)
    return [share + (index < rest) for index in range(among)]
