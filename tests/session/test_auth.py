"""Sources of the token, and hosts that receive it."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ghpkg_async import ConfigurationError, GitHubPackages
from ghpkg_async._session.auth import parse_base_url, token_for

EVERYTHING = {
    "GH_TOKEN": "gh",
    "GITHUB_TOKEN": "github",
    "GH_ENTERPRISE_TOKEN": "enterprise",
    "GITHUB_ENTERPRISE_TOKEN": "github-enterprise",
}


def from_environment(base_url: str, *without: str, **more: str) -> object:
    environ = {key: value for key, value in EVERYTHING.items() if key not in without} | more
    return token_for(None, parse_base_url(base_url), environ)


@pytest.mark.parametrize(
    "host", ["api.github.com", "api.octocorp.ghe.com", "API.GitHub.com", "api.github.com."]
)
def test_dotcom_takes_its_variables_in_the_command_lines_order(host: str) -> None:
    assert from_environment(f"https://{host}") == "gh"
    assert from_environment(f"https://{host}", "GH_TOKEN") == "github"
    assert from_environment(f"https://{host}", "GH_TOKEN", "GITHUB_TOKEN") == ""


@pytest.mark.parametrize(
    "base", ["https://github.acme.com/api/v3", "https://api.github.com.evil.example",
             "https://evil-ghe.com", "http://localhost:8080"],
)  # fmt: skip
def test_other_hosts_take_the_enterprise_variables_only(base: str) -> None:
    assert from_environment(base) == "enterprise"
    assert from_environment(base, "GH_ENTERPRISE_TOKEN") == "github-enterprise"
    assert from_environment(base, "GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN") == ""


@pytest.mark.parametrize(
    "host",
    ["github.com", "api.github.com", "api.github.com.", "API.GITHUB.COM", "GitHub.com.", "ghe.com",
     "uploads.github.com", "raw.api.github.com", "octocorp.ghe.com", "api.octocorp.GHE.com.",
     "api.github.com:443", "api\uff0egithub\uff0ecom"],
)  # fmt: skip
@pytest.mark.parametrize("more", [{}, {"GH_HOST": "github.com"}, {"GH_HOST": "api.github.com"}])
def test_an_enterprise_token_is_never_sent_to_a_host_of_github(
    host: str, more: dict[str, str]
) -> None:
    assert from_environment(f"https://{host}", "GH_TOKEN", "GITHUB_TOKEN", **more) == ""


@pytest.mark.parametrize("host", ["github.com", "uploads.github.com", "ghe.com"])
def test_a_token_for_the_api_is_sent_to_no_other_host_of_github(host: str) -> None:
    assert from_environment(f"https://{host}") == ""


@pytest.mark.parametrize(
    ("gh_host", "base", "token"),
    [
        ("github.acme.com", "https://github.acme.com/api/v3", "enterprise"),
        ("GitHub.acme.com.", "https://github.acme.com/api/v3", "enterprise"),
        ("github.acme.com:8443", "https://github.acme.com:8443/api/v3", "enterprise"),
        ("github.acme.com", "https://github.acme.com.", "enterprise"),
        ("github.acme.com:8443", "https://github.acme.com/api/v3", ""),
        ("github.acme.com", "https://evil.example/api/v3", ""),
        ("github.acme.com", "https://api.github.acme.com", ""),
        ("acme.com", "https://github.acme.com/api/v3", ""),
        ("github.com", "https://github.acme.com/api/v3", ""),
        ("github.acme.com", "http://127.0.0.1:8080", ""),
        ("", "https://github.acme.com/api/v3", "enterprise"),
    ],
)
def test_gh_host_is_the_only_host_of_an_enterprise_token(
    gh_host: str, base: str, token: str
) -> None:
    assert from_environment(base, GH_HOST=gh_host) == token


def test_gh_host_does_not_move_the_token_of_github() -> None:
    assert from_environment("https://api.github.com", GH_HOST="github.acme.com") == "gh"


def test_an_empty_variable_counts_as_unset() -> None:
    environ = {"GH_TOKEN": "", "GITHUB_TOKEN": "github"}
    assert token_for(None, parse_base_url("https://api.github.com"), environ) == "github"


def test_an_empty_token_is_anonymous_in_any_environment() -> None:
    assert token_for("", parse_base_url("https://api.github.com"), EVERYTHING) == ""


@pytest.mark.parametrize(
    "token", ["hunter2 x", "hunter2\n", "\x00hunter2", "hunter2é", "a\thunter2", "\r\nX: hunter2"]
)
def test_a_token_that_is_no_header_value_is_refused_and_not_shown(token: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^token: ") as refused:
        GitHubPackages(token)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("token", [5, b"ghp", object(), ["a"]])
def test_a_token_of_another_type_is_refused(token: object) -> None:
    with pytest.raises(ConfigurationError, match="token: a"):
        GitHubPackages(token)  # type: ignore[arg-type]


@pytest.mark.parametrize("base", ["http://github.acme.com/api/v3", "http://10.0.0.1", "http://a"])
def test_plain_http_with_a_token_only_to_loopback(base: str) -> None:
    with pytest.raises(ConfigurationError, match="plain http"):
        GitHubPackages("ghp_secret", base_url=base)
    GitHubPackages("", base_url=base)


@pytest.mark.parametrize("host", ["127.0.0.1:80", "127.8.9.1", "localhost:1", "[::1]:8080"])
def test_plain_http_to_loopback_may_carry_a_token(host: str) -> None:
    GitHubPackages("ghp_secret", base_url=f"http://{host}")


def test_a_token_of_the_environment_crosses_no_network_in_plain_text(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GH_ENTERPRISE_TOKEN", "ghp_secret")
    with pytest.raises(ConfigurationError, match="GH_ENTERPRISE_TOKEN"):
        GitHubPackages(base_url="http://github.acme.com/api/v3")


@pytest.mark.parametrize(
    ("given", "root"),
    [
        ("https://api.github.com", "https://api.github.com"),
        ("https://api.github.com/", "https://api.github.com"),
        ("https://HOST/api/v3", "https://host/api/v3"),
        ("https://host/api/v3/", "https://host/api/v3"),
        ("https://host:8443/api/v3//", "https://host:8443/api/v3"),
    ],
)
def test_a_base_url_may_end_in_a_slash(given: str, root: str) -> None:
    assert str(parse_base_url(given)) == root


@pytest.mark.parametrize(
    "base",
    ["", "api.github.com", "ftp://api.github.com", "https://", "https:///x", "https://h?a=1",
     "https://h#a", "https://h:99999", "https://h?", "//h", "https://user:hunter2@h",
     "https://user:hunter2@h:99999"],
)  # fmt: skip
def test_an_invalid_base_url_is_refused(base: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^base_url: ") as refused:
        GitHubPackages("ghp_secret", base_url=base)
    assert "hunter2" not in str(refused.value)
    assert "ghp_secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("base_url", "root"),
    [
        ("https://github.acme.com", "https://github.acme.com/api/v3"),
        ("https://github.acme.com:8443/", "https://github.acme.com:8443/api/v3"),
        ("https://10.0.0.1", "https://10.0.0.1/api/v3"),
        ("https://notghe.com", "https://notghe.com/api/v3"),
        ("https://github.com", "https://api.github.com"),
        ("https://www.github.com/", "https://api.github.com"),
        ("https://uploads.github.com", "https://api.github.com"),
        ("https://acme.ghe.com", "https://api.acme.ghe.com"),
    ],
)
def test_a_host_without_the_path_of_an_api_is_refused_with_the_right_one(
    base_url: str, root: str
) -> None:
    with pytest.raises(ConfigurationError, match=f"^base_url: .*did you mean '{re.escape(root)}'"):
        GitHubPackages("ghp_secret", base_url=base_url)


@pytest.mark.parametrize(
    "base_url",
    [
        "https://api.github.com",
        "https://api.acme.ghe.com",
        "https://localhost:8443",
        "https://127.0.0.1",
        "https://gateway.acme.com/github",
    ],
)
def test_any_other_root_is_taken(base_url: str) -> None:
    assert (
        repr(GitHubPackages("ghp_secret", base_url=base_url)) == f"<GitHubPackages of {base_url}>"
    )


@given(token=st.text(min_size=1))
@example("ghp_x")
def test_any_token_is_a_header_value_or_refused(token: str) -> None:
    try:
        accepted = token_for(token, parse_base_url("https://api.github.com"), {})
    except ConfigurationError:
        assert any(not "!" <= character <= "~" for character in token)
    else:
        assert accepted == token
        assert token.isascii()
        assert token.isprintable()
