"""Only URLs of websites become links; times and rules are formatted as words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghpkg_async.audit._findings import label_of
from ghpkg_async.audit._links import Links
from ghpkg_async.audit._wording import advice_on, day, moment
from tests.support.records import NOW, failure

DOTCOM = Links("https://api.github.com")


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/orgs/acme/packages/npm/package/left",
        "https://github.com/acme/app/pkgs/container/team%2Fapp?tab=versions#top",
        "HTTPS://GitHub.com/x",
        "https://ghe.example.com:8443/x",
        "https://[2001:db8::1]/x",
        "http://127.0.0.1:8080/orgs/acme",
        "http://localhost/x",
        "http://[::1]:80/x",
    ],
)
def test_websites_may_be_linked_to(url: str) -> None:
    assert DOTCOM(url) == url


@pytest.mark.parametrize(
    "url",
    [
        None,
        "",
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        " javascript:alert(1)",
        "\x01javascript:alert(1)",
        "java\tscript:alert(1)",
        "javascript://github.com/%0aalert(1)",
        "data:text/html,<script>alert(1)</script>",
        "vbscript:x",
        "file:///etc/passwd",
        "blob:https://github.com/x",
        "//github.com/x",
        "/orgs/acme",
        "https:github.com/x",
        "https:/github.com/x",
        "https://",
        "https:///x",
        "https://?x",
        "https://github.com\\@example.org/",
        "https:\\\\github.com/x",
        "https://github.com@example.org/",
        "https://user:secret@github.com/",
        "https://github.com:port/",
        "https://github.com:99999/",
        "https://[::1/x",
        "https://github.com/a b",
        'https://github.com/"onmouseover="alert(1)',
        "https://github.com/<script>",
        "https://github.com/\u202egpj",
        "https://gith\u00fcb.com/",
        "https://github.com/\n",
        "http://github.com/x",
        "http://localhost.example.org/x",
        "http://127.0.0.1.example.org/x",
    ],
)
def test_nothing_else_may(url: str | None) -> None:
    assert DOTCOM(url) is None


def test_links_to_a_server_without_tls_may_be_plain_http() -> None:
    links = Links("http://GHE.example.com:8080/api/v3")
    assert links("http://ghe.example.com/acme") == "http://ghe.example.com/acme"
    assert links("http://other.example.com/acme") is None
    assert Links("not an address [")("http://other.example.com/acme") is None


@given(st.text() | st.text("javscriptdahp:/\\@\t\n\x00 #?%.").map("https:".__add__))
def test_every_accepted_link_is_http_or_https(url: str) -> None:
    if DOTCOM(url) is not None:
        assert urlsplit(url).scheme in ("http", "https")
        assert url.isascii()
        assert not set(url) & set('<>"\\`{} \t\r\n')


def test_times_are_shown_in_utc() -> None:
    east = datetime(2026, 1, 15, 1, 30, tzinfo=timezone(timedelta(hours=9)))
    assert (day(east), moment(east)) == ("2026-01-14", "2026-01-14 16:30 UTC")
    first = datetime.min.replace(tzinfo=timezone(timedelta(hours=9)))
    assert day(first) == "0001-01-01"
    assert moment(datetime(2026, 1, 2, 3, 4, 5, 6, UTC)) == "2026-01-02 03:04 UTC"


def test_rules_are_described_in_words() -> None:
    assert label_of("stale:1000") == "Unchanged for over 1,000 days"
    assert label_of("public") == "Public"
    assert label_of("stale:{0}") == "Unchanged for over {0} days"
    assert label_of("{0}") == "{0}"
    assert label_of("of_a_later_version:7") == "of_a_later_version:7"


@pytest.mark.parametrize(
    ("fields", "advice"),
    [
        ({"reason": "server_error"}, ""),
        ({"reason": "not_found"}, "A user is written user:NAME."),
        ({"reason": "unauthorized"}, "Check the token."),
        (
            {"reason": "insufficient_scope"},
            "The token needs another scope. Change its scopes in its settings.",
        ),
        (
            {"reason": "insufficient_scope", "required": ("a", "b"), "granted": ("c",)},
            "The token needs a, b; it has c. Change its scopes in its settings.",
        ),
        ({"reason": "rate_limited", "retry_at": NOW}, f"The limit holds until {moment(NOW)}."),
        ({"reason": "sso_required", "authorization_url": "https://github.com/sso"}, ""),
        (
            {"reason": "sso_required"},
            "Authorize the token for the organization's single sign-on in its settings.",
        ),
    ],
)
def test_advice_follows_from_the_reason_and_the_response(
    fields: dict[str, Any], advice: str
) -> None:
    assert advice_on(failure(**fields)) == advice
