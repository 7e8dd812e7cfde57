"""A copy of a request with another token keeps all other fields."""

from __future__ import annotations

import attrs
from yarl import URL

from ghpkg_async._session.messages import Request
from ghpkg_async._session.redaction import Secret


def test_a_token_changes_nothing_else_of_a_request() -> None:
    request = Request(
        "POST",
        URL("https://api.github.com/user/packages"),
        flow="listing",
        is_continuation=True,
        etag='"abc"',
        speculative=True,
        on_admitted=list,
        scheme="Basic",
        secret_query=Secret("token=x"),
    )
    token = Secret("ghp_other")
    defaults = {
        each.name for each in attrs.fields(Request) if each.default == getattr(request, each.name)
    }
    assert defaults == {"token"}, "a field that has its default shows no difference"
    expected = {**attrs.asdict(request, recurse=False), "token": token}
    assert attrs.asdict(request.with_token(token), recurse=False) == expected
