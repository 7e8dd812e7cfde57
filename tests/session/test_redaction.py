"""A secret, and every long part of one, is redacted; a word that a token begins with is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghpkg_async._session.redaction import RECOGNIZABLE, Redactor, Secret

if TYPE_CHECKING:
    from collections.abc import Callable

CLASSIC = "ghp_Qf7ZkW2mXr9LbT4vNc8HsJ1yPd6GaE3uRo5K"
FINE_GRAINED = "github_pat_11ABCDEFG0aBcDeFgHiJkL_Zy9Xw8Vu7Ts6Rq5Po4Nm3Lk2Ji1Hg0Fe9Dc8Ba7"


def redacting(*secrets: str) -> Redactor:
    redactor = Redactor()
    for secret in secrets:
        redactor.add(Secret(secret))
    return redactor


@given(before=st.text(), after=st.text(), cut=st.integers(0, len(CLASSIC) - RECOGNIZABLE))
def test_a_long_part_of_a_secret_is_redacted(before: str, after: str, cut: int) -> None:
    shown = redacting(CLASSIC).redact(f"{before}{CLASSIC[cut:]}{after}")
    random = CLASSIC[4:]
    for at in range(len(random) - RECOGNIZABLE + 1):
        assert random[at : at + RECOGNIZABLE] not in shown
    assert "***" in shown


@pytest.mark.parametrize(
    "text",
    [
        "https://github.com/features/github_pages",
        "github_pat tokens, like ghp_ ones, begin with github_pat_",
        "ghp_Qf7ZkW is a part of 6 characters",
    ],
)
def test_a_prefix_of_a_token_is_not_redacted(text: str) -> None:
    assert redacting(CLASSIC, FINE_GRAINED).redact(text) == text


@pytest.mark.parametrize("token", [CLASSIC, FINE_GRAINED, "a" * 40, "pkt_a/b+c=d e\u00e9" * 3])
def test_the_words_around_a_token_are_kept(token: str) -> None:
    shown = redacting(token).redact(f"Bad credentials: {token}, sent by github_pages")
    assert shown.startswith("Bad credentials: ")
    assert shown.endswith("***, sent by github_pages")


def test_a_short_secret_is_redacted_as_a_whole() -> None:
    assert redacting("k9Qz7w").redact("no K9QZ7W here, nor k9Qz7") == "no *** here, nor k9Qz7"


@pytest.mark.parametrize("learn", [Redactor.keep, Redactor.add])
def test_the_clients_token_is_redacted_after_a_call_that_used_it_as_its_own(
    learn: Callable[[Redactor, Secret], None],
) -> None:
    redactor = Redactor()
    learn(redactor, Secret(CLASSIC))
    with redactor.using(Secret(CLASSIC)):
        pass
    assert redactor.redact(CLASSIC) == "ghp_***"


def test_a_secret_of_a_call_that_becomes_the_clients_token_stays_redacted() -> None:
    redactor = Redactor()
    with redactor.using(Secret(CLASSIC)):
        redactor.add(Secret(CLASSIC))
    assert redactor.redact(CLASSIC) == "ghp_***"


def test_a_secret_of_calls_is_redacted_until_the_last_one_ends() -> None:
    redactor = Redactor()
    with redactor.using(Secret(CLASSIC)):
        with redactor.using(Secret(CLASSIC)):
            pass
        assert redactor.redact(CLASSIC) == "ghp_***"
    assert redactor.redact(CLASSIC) == CLASSIC


@pytest.mark.parametrize("show", [repr, str, "{!r:>9}".format], ids=["repr", "str", "format"])
def test_a_secret_shows_nothing_of_itself(show: object) -> None:
    assert callable(show)
    assert show(Secret(CLASSIC)).strip() == "***"


def test_secrets_are_equal_by_value() -> None:
    assert Secret("a") == Secret("a") != Secret("b")
    assert len({Secret("a"), Secret("a")}) == 1
    assert not Secret("")
