"""Checks of the token's scopes and of the clock difference before the first write."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from ghpkg_async import ConfigurationError

from .sites import TOKEN, Site

if TYPE_CHECKING:
    from pathlib import Path

    from aiohttp import web


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "plan.journal.jsonl"


def scopes(site: Site, *names: str) -> None:
    site.github.world.token(TOKEN, login="octocat", scopes=names)


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize(
    ("granted", "missing"),
    [
        (("read:packages", "repo"), "lacks delete:packages"),
        (("delete:packages",), "lacks read:packages"),
        (("repo",), "lacks read:packages, delete:packages"),
    ],
)
async def test_apply_needs_the_scopes_to_read_and_delete(
    site: Site, journal: Path, granted: tuple[str, ...], missing: str, check: bool
) -> None:
    scopes(site, *granted)
    with pytest.raises(ConfigurationError, match=f"^token: has the scopes .* {missing};") as caught:
        await site.apply(site.plan("old"), journal, check=check)
    assert TOKEN not in str(caught.value)
    assert [each.path for each in site.github.requests] == ["/rate_limit"]


async def test_write_packages_includes_read_packages(site: Site, journal: Path) -> None:
    scopes(site, "write:packages", "delete:packages")
    assert (await site.apply(site.plan("old"), journal)).complete


async def test_undo_needs_the_scope_to_write(site: Site, journal: Path) -> None:
    await site.apply(site.plan("old"), journal)
    scopes(site, "read:packages", "delete:packages")
    site.github.requests.clear()
    with pytest.raises(ConfigurationError, match="lacks write:packages;"):
        await site.undo(journal)
    assert [each.path for each in site.github.requests] == ["/rate_limit"]


@pytest.mark.parametrize("header", ["", None])
async def test_token_without_scopes_is_not_refused(
    site: Site, journal: Path, header: str | None
) -> None:
    async def hook(request: web.BaseRequest, respond: Any) -> web.StreamResponse:
        response: web.StreamResponse = await respond()
        del response.headers["X-OAuth-Scopes"]
        if header is not None:
            response.headers["X-OAuth-Scopes"] = header
        return response

    site.github.hook = hook
    assert (await site.apply(site.plan("old"), journal)).complete
    assert (await site.undo(journal)).complete


@pytest.mark.parametrize(
    ("skew", "words"),
    [
        (timedelta(minutes=12), "is 0:12:00 behind"),
        (timedelta(minutes=-90), "is 1:30:00 ahead of"),
        (timedelta(days=-1), "is 1 day, 0:00:00 ahead of"),
        (timedelta(minutes=4), ""),
    ],
)
async def test_skew_of_more_than_five_minutes_is_reported(
    site: Site,
    journal: Path,
    caplog: pytest.LogCaptureFixture,
    skew: timedelta,
    words: str,
) -> None:
    site.later(skew)
    with caplog.at_level(logging.WARNING, "ghpkg_async"):
        await site.apply(site.plan("old"), journal, check=True)
    assert [words in each for each in caplog.messages] == ([True] if words else [])
