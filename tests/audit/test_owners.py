"""Parsing of owner names, and shards of owners."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghpkg_async import ConfigurationError
from ghpkg_async._owners import unique
from ghpkg_async.audit import OwnerName, Shard, parse_owner, read_owners

LOGINS = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,20}", fullmatch=True)
OWNERS = st.one_of(
    st.just(OwnerName("me")),
    st.builds(OwnerName, st.just("org"), LOGINS),
    st.builds(OwnerName, st.just("user"), LOGINS),
)


@pytest.mark.parametrize(
    ("text", "owner"),
    [
        ("acme", OwnerName("org", "acme")),
        ("org:acme", OwnerName("org", "acme")),
        ("user:octocat", OwnerName("user", "octocat")),
        ("octocat_acme", OwnerName("org", "octocat_acme")),
        ("me", OwnerName("me")),
        ("org:me", OwnerName("org", "me")),
    ],
)
def test_an_owner_is_read_as_people_write_it(text: str, owner: OwnerName) -> None:
    assert parse_owner(text) == owner


@given(OWNERS)
def test_an_owner_is_parsed_as_it_was_written(owner: OwnerName) -> None:
    assert parse_owner(str(owner)) == owner


@pytest.mark.parametrize(
    "text", ["", " acme", "a b", "team:acme", "user:", "../etc", "a/b", "é", "acme\n", ".", "-a"]
)
def test_an_invalid_owner_is_refused_by_its_argument(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^owners: "):
        parse_owner(text)


def test_a_file_of_owners_may_hold_comments_blanks_and_a_byte_order_mark() -> None:
    lines = ["\ufeffacme\r\n", "\n", "# all of them\n", "user:octocat  # a person\n", "  me \n"]
    assert [str(owner) for owner in read_owners(lines, "f")] == ["acme", "user:octocat", "me"]


def test_all_invalid_lines_are_named_by_number_in_one_error() -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_owners(["acme", "a b", "# fine", "https://github.com/acme"], "owners.txt")
    message = str(caught.value)
    assert message.startswith("owners.txt: ")
    assert "line 2: 'a b'" in message
    assert "line 4: 'https://github.com/acme'" in message


def test_of_many_bad_lines_some_are_shown() -> None:
    with pytest.raises(ConfigurationError, match="and 95 more"):
        read_owners(["a b"] * 100, "owners.txt")


def test_an_owner_counts_once_in_its_first_writing_and_place() -> None:
    owners = map(parse_owner, ["Acme", "user:acme", "acme", "org:ACME", "me", "me"])
    assert [str(owner) for owner in unique(owners)] == ["Acme", "user:acme", "me"]


@given(OWNERS, st.integers(1, 50))
def test_an_owner_belongs_to_exactly_one_shard(owner: OwnerName, count: int) -> None:
    assert sum(Shard(index, count).holds(owner) for index in range(1, count + 1)) == 1


@given(LOGINS, st.integers(1, 50))
def test_upper_and_lower_case_are_in_the_same_shard(login: str, count: int) -> None:
    for index in range(1, count + 1):
        upper, lower = OwnerName("org", login.upper()), OwnerName("org", login.lower())
        assert Shard(index, count).holds(upper) == Shard(index, count).holds(lower)


def test_shards_are_about_as_large_as_each_other() -> None:
    owners = [OwnerName("org", f"org-{number}") for number in range(1000)]
    sizes = Counter(
        index for owner in owners for index in (1, 2, 3, 4) if Shard(index, 4).holds(owner)
    )
    assert min(sizes.values()) > 200


def test_the_shard_of_an_owner_is_stable_across_releases() -> None:
    # Runs on other machines or with older releases must compute the same shards.
    names = ["acme", "octo-org", "user:octocat", "me", "github"]
    assert [
        next(index for index in range(1, 8) if Shard(index, 7).holds(parse_owner(name)))
        for name in names
    ] == [5, 7, 3, 1, 7]


@pytest.mark.parametrize("text", ["", "1", "0/4", "5/4", "1/0", "a/b", "-1/4", "1/4/2", " 1/4"])
def test_an_invalid_shard_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^shard: "):
        Shard.parse(text)
