"""Fixtures that run `ghpkg` as a process against an embedded server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from tests.support.command import Command, bare_environment

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from ghpkg_async.testing import EmbeddedGitHub


@pytest.fixture
def bare() -> Command:
    """Command `ghpkg` without a server or token in its environment."""
    return Command(bare_environment())


@pytest.fixture
def ghpkg(bare: Command, github: EmbeddedGitHub) -> Command:
    """Command `ghpkg` for the server `github`, with a token that has every scope."""
    return Command(
        {**bare.environment, "GH_ENTERPRISE_TOKEN": github.token}, ("--base-url", github.url)
    )


@pytest.fixture
def refuse(github: EmbeddedGitHub) -> Callable[..., None]:
    """Make `github` respond with an error to all requests, or to pages after the first."""

    def refuse(
        status: int,
        message: str = "No.",
        *,
        pages: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        async def hook(
            request: web.BaseRequest, respond: Callable[[], Awaitable[web.StreamResponse]]
        ) -> web.StreamResponse:
            if pages and request.query.get("page") == "1":
                return await respond()
            return web.json_response({"message": message}, status=status, headers=headers)

        github.hook = hook

    return refuse
