"""Find the token and check which host it is for."""

from __future__ import annotations

import asyncio
import ipaddress
import re
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

from yarl import URL

from ..errors import ConfigurationError, GitHubPackagesError
from .redaction import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .redaction import Redactor

__all__ = [
    "Credentials",
    "TokenSource",
    "check_api_root",
    "check_header_value",
    "parse_base_url",
    "token_for",
    "token_variables",
]

DOTCOM_VARIABLES: Final = ("GH_TOKEN", "GITHUB_TOKEN")
ENTERPRISE_VARIABLES: Final = ("GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN")

_NOT_IN_A_TOKEN: Final = re.compile(r"[^\x21-\x7e]")
_NOT_IN_A_HEADER: Final = re.compile(r"[^\x20-\x7e]")


class TokenSource(Protocol):
    """An object that hands out the token to use now: a rotated or freshly minted one.

    Cached responses belong to the token that got them. A source whose tokens all see the same may
    have an attribute ``identity``, a string that is the same for all of them and for no other
    source: its responses are cached under the identity. It should be as hard to guess as a token,
    for instance a digest of the key that mints them: it also protects the cache from forgery.
    """

    async def token(self) -> str:
        """The token for the request about to be sent."""
        ...


Token: TypeAlias = str | TokenSource | None


class Credentials:
    """Supplies the token of each request.

    Args:
        token: a token, ``""`` for anonymous requests, or the object that supplies tokens.
        redactor: redacts every token that was supplied.
    """

    def __init__(self, token: str | TokenSource, redactor: Redactor) -> None:
        self._redactor = redactor
        # A source is kept in a closure for the reason a token is: its repr may show one.
        self._kept: Secret | Callable[[], TokenSource]
        self._identity = Secret("" if isinstance(token, str) else _identity_of(token))
        if isinstance(token, str):
            self._kept = Secret(token)
            redactor.keep(self._kept)
        else:
            self._kept = lambda: token

    @property
    def identity(self) -> str:
        """The identity that a token source declares; ``""`` if none."""
        return self._identity.reveal()

    async def token(self, seconds: float) -> Secret:
        """The token for a request about to be sent. A token source has so many seconds for it.

        Raises:
            GitHubPackagesError: the source raised, or returned nothing in time.
            ConfigurationError: the source returned something that is no token.
        """
        if isinstance(self._kept, Secret):
            return self._kept
        try:
            async with asyncio.timeout(seconds) as deadline:
                token = Secret(check_token(await self._kept().token(), "token source"))
        except ConfigurationError:
            raise
        except Exception as error:
            reason = f"raised {type(error).__name__}"
            if deadline.expired():
                reason = f"did not return within {seconds:g} seconds"
            raise GitHubPackagesError(f"token source: token() {reason}") from error
        self._redactor.add(token)
        return token

    async def other_than(self, refused: Secret | None, seconds: float) -> Secret | None:
        """Ask a token source again; return its token unless it is the refused one."""
        if isinstance(self._kept, Secret):
            return None
        token = await self.token(seconds)
        return token if token != refused else None


def _identity_of(source: TokenSource) -> str:
    identity = getattr(source, "identity", "")
    if not isinstance(identity, str):
        raise ConfigurationError(
            f"token: the identity of a token source is a string, not a {type(identity).__name__}"
        )
    return identity


def parse_base_url(base_url: str) -> URL:
    """The API's root as a URL without a trailing slash.

    Raises:
        ConfigurationError: it is not an absolute http or https URL, or it carries credentials, a
            query or a fragment.
    """
    try:
        url = URL(base_url)
        host = url.host
    except (TypeError, ValueError):
        shown = "what was given" if "@" in str(base_url) else repr(base_url)
        raise ConfigurationError(f"base_url: {shown} is not a URL") from None
    if url.user is not None or url.password is not None:
        raise ConfigurationError("base_url: must not hold credentials; pass them as token")
    if url.scheme not in ("http", "https") or not host:
        raise ConfigurationError(
            f"base_url: {base_url!r} must start with https:// and name a host, like "
            "'https://api.github.com' or 'https://HOST/api/v3'"
        )
    if url.query_string or url.fragment or "?" in base_url or "#" in base_url:
        raise ConfigurationError("base_url: must end with its path, without a query or fragment")
    return url.with_path(url.raw_path.rstrip("/"), encoded=True)


def check_api_root(url: URL) -> None:
    """Refuse a root without a path unless the host is known to have its API there.

    Raises:
        ConfigurationError: it would get web pages instead of JSON; the message has the likely root.
    """
    if url.scheme != "https" or url.raw_path not in ("", "/") or is_loopback(url):
        return
    host = _normalized(url.raw_host or "")
    of_github = f".{host}".endswith((".github.com", ".ghe.com"))
    if of_github and host.startswith("api."):
        return
    if host.endswith(".ghe.com"):
        root = f"https://api.{host}"
    else:
        root = "https://api.github.com" if of_github else f"{url.origin()}/api/v3"
    raise ConfigurationError(f"base_url: '{url}' is no API's root; did you mean '{root}'?")


def token_for(token: Token, base_url: URL, environ: Mapping[str, str]) -> str | TokenSource:
    """Return the token or token source for ``base_url``; ``""`` for anonymous requests.

    Args:
        token: the argument of `GitHubPackages`.
        base_url: the API's root.
        environ: the environment variables, read as GitHub's command line reads them.

    Raises:
        ConfigurationError: the token cannot be sent in a header, or would cross a network in
            plain text.
    """
    name = "token"
    if token is None:
        name, token = _from_environment(base_url, environ)
    if token == "":
        return ""
    if isinstance(token, str):
        check_token(token, name)
    elif not callable(getattr(token, "token", None)):
        raise ConfigurationError(
            f"token: a {type(token).__name__} is neither a string nor an object with "
            "`async def token() -> str`"
        )
    if base_url.scheme == "http" and not is_loopback(base_url):
        raise ConfigurationError(
            f"base_url: {str(base_url)!r} would send the {name} over plain http; use https, or "
            'token="" to stay anonymous'
        )
    return token


def check_token(token: object, name: str = "token") -> str:
    """The token itself, once it is known to fit in a header. The error never shows it."""
    if not isinstance(token, str):
        raise ConfigurationError(f"{name}: a token is a string, not a {type(token).__name__}")
    if not token or _NOT_IN_A_TOKEN.search(token):
        raise ConfigurationError(
            f"{name}: not a token: it is empty or holds spaces, control or non-ASCII characters"
        )
    return token


def check_header_value(value: str, name: str) -> str:
    """The value itself, once it is known to fit in a header."""
    if not isinstance(value, str) or not value.strip() or _NOT_IN_A_HEADER.search(value):
        raise ConfigurationError(f"{name}: {value!r} cannot be sent as a header value")
    return value


def is_loopback(url: URL) -> bool:
    """Return whether the URL's host is this machine, so that plain text crosses no network."""
    host = url.host or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def token_variables(url: URL, environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the environment variables that may hold a token for the URL's host, in order.

    ``GH_TOKEN`` and ``GITHUB_TOKEN`` are for api.github.com and the subdomains of ghe.com. The
    variables of an Enterprise Server are for the host in ``GH_HOST`` if that is set, else for any
    host that is not GitHub's own.
    """
    host = _normalized(url.raw_host or "")
    if host == "api.github.com" or host.endswith(".ghe.com"):
        return DOTCOM_VARIABLES
    if f".{host}".endswith((".github.com", ".ghe.com")):
        return ()
    only = _normalized(environ.get("GH_HOST", ""))
    return ENTERPRISE_VARIABLES if only in ("", host, f"{host}:{url.port}") else ()


def _normalized(host: str) -> str:
    """The host in lower case, without the dot of a fully qualified name."""
    return host.strip().lower().rstrip(".")


def _from_environment(base_url: URL, environ: Mapping[str, str]) -> tuple[str, str]:
    for variable in token_variables(base_url, environ):
        if value := environ.get(variable):
            return variable, value
    return "token", ""
