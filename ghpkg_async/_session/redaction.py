"""Secrets: keep them out of every ``repr``, and redact them from the errors of the library."""

from __future__ import annotations

import re
import sys
from collections import Counter
from contextlib import contextmanager, nullcontext
from string import ascii_lowercase, ascii_uppercase
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from ..errors import GitHubPackagesError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

__all__ = ["RedactingContext", "Redactor", "Secret", "drop_frames"]

RECOGNIZABLE: Final = 12
"""Length from which on a part of a secret is redacted like the whole."""
_SHORTEST: Final = 4
_REMEMBERED: Final = 128
"""Tokens of the client's source that are redacted although no request in flight has them."""
_PREFIX: Final = re.compile(r"gh[pousr]_|github_pat_")
_LOWER: Final = str.maketrans(ascii_uppercase, ascii_lowercase)
_SHOWN: Final = "***"


class Secret:
    """A string that shows in no ``repr`` and in no attribute, and so in no report of locals."""

    __slots__ = ("reveal",)

    def __init__(self, value: str) -> None:
        self.reveal: Final[Callable[[], str]] = lambda: value

    def __bool__(self) -> bool:
        return bool(self.reveal())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self.reveal() == other.reveal()

    def __hash__(self) -> int:
        return hash(self.reveal())

    def __repr__(self) -> str:
        return _SHOWN


class Redactor:
    """The secrets to redact: those in use, and the last tokens of the client's source."""

    def __init__(self) -> None:
        self._redact: dict[Secret, Callable[[str], str]] = {}
        self._recent: dict[Secret, None] = {}
        self._in_use: Counter[Secret] = Counter()
        self._kept: set[Secret] = set()

    def keep(self, secret: Secret) -> None:
        """Redact a secret for good."""
        self._kept.add(secret)
        self._learn(secret)

    def add(self, secret: Secret) -> None:
        """Redact a token of the client's source until `_REMEMBERED` others were used after it."""
        self._recent.pop(secret, None)
        self._recent[secret] = None
        self._learn(secret)
        if len(self._recent) > _REMEMBERED:
            oldest = next(iter(self._recent))
            del self._recent[oldest]
            self._release(oldest)

    def sending(self, token: Secret | None) -> AbstractContextManager[None]:
        """Redact the token of a request, if it has one, for its time in flight, and then as `add`.

        An error about the request is redacted later, when it leaves the call.
        """
        return nullcontext() if token is None or token in self._kept else self._sending(token)

    @contextmanager
    def _sending(self, token: Secret) -> Iterator[None]:
        with self.using(token):
            try:
                yield
            finally:
                self.add(token)

    @contextmanager
    def using(self, secret: Secret | None) -> Iterator[None]:
        """Redact a secret that belongs to one call, if there is one, for the time of the call."""
        if secret is None:
            yield
            return
        self._in_use[secret] += 1
        self._learn(secret)
        try:
            yield
        finally:
            self._in_use[secret] -= 1
            self._release(secret)

    def _learn(self, secret: Secret) -> None:
        if secret not in self._redact:
            self._redact[secret] = _redactor(secret.reveal())

    def _release(self, secret: Secret) -> None:
        """Redact a secret no longer, unless it is kept, in use or one of the last tokens."""
        if not self._in_use[secret]:
            del self._in_use[secret]
            if secret not in self._recent and secret not in self._kept:
                del self._redact[secret]

    def redacting(self) -> RedactingContext:
        """Return a context manager that redacts every error of the library that leaves it.

        The error's traceback begins where the block's own caller awaits it: the frames below hold
        requests and responses.
        """
        return RedactingContext(self)

    def redact_error(self, error: GitHubPackagesError, outer: BaseException | None) -> None:
        """Redact an error in place.

        Args:
            error: its message, attributes and cause are redacted, and its frames dropped.
            outer: the exception that the caller is handling; it stays the error's context.
        """
        error.__traceback__ = None
        error.args = tuple(map(self._redacted, error.args))
        for name, value in vars(error).items():
            setattr(error, name, self._redacted(value))
        cause, error.__context__ = error.__cause__, outer
        if cause is not None and self._reveals(cause):
            error.__cause__ = None

    def _reveals(self, error: BaseException) -> bool:
        """Return whether an error, or one of its causes or contexts, holds a secret.

        An error that cannot be shown counts as one that does.
        """
        for origin in _chain(error, set()):
            try:
                shown = f"{origin} {origin!r} {origin.args!r} {vars(origin)!r}"
            except Exception:
                return True
            if self.redact(shown) != shown:
                return True
        return False

    def _redacted(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.redact(value)
        if isinstance(value, (tuple, list)):
            return type(value)(map(self._redacted, value))
        return value

    def redact(self, text: str) -> str:
        """Return the text with every secret, and every long part of one, replaced."""
        for redact in self._redact.values():
            text = redact(text)
        return text


class RedactingContext:
    """Redacts the errors of the library that leave a block.

    A class, because `contextlib.contextmanager` restores the traceback that is dropped here.
    """

    __slots__ = ("_outer", "_redactor")

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor

    def __enter__(self) -> None:
        self._outer = sys.exception()

    def __exit__(self, exc_type: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, GitHubPackagesError):
            self._redactor.redact_error(error, self._outer)


def drop_frames(error: BaseException, outer: BaseException | None) -> None:
    """Drop the tracebacks of an error, its causes and contexts, up to the one being handled.

    Args:
        error: its frames, and those of its causes and contexts, may hold secrets.
        outer: the exception that the caller is handling; it and its frames are the caller's.
    """
    for origin in _chain(error, {id(outer)}):
        origin.__traceback__ = None


def _chain(error: BaseException, seen: set[int]) -> Iterator[BaseException]:
    """Yield an error, its causes and contexts, and the members of groups, each once.

    Args:
        error: the first one.
        seen: ids of errors that are left out, with what only they lead to.
    """
    left: list[BaseException | None] = [error]
    while left:
        current = left.pop()
        if current is None or id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        left += [current.__cause__, current.__context__]
        if isinstance(current, BaseExceptionGroup):
            left += current.exceptions


def _redactor(secret: str) -> Callable[[str], str]:
    """Return a function that redacts a secret as it is and percent-encoded, in any case.

    Parts of at least `RECOGNIZABLE` characters are redacted, not counting the prefix of GitHub's
    tokens. A shorter secret is redacted as a whole, and one as short as a word not at all.
    """
    parts: set[str] = set()
    for written in {secret, quote(secret, safe="")}:
        folded = written.translate(_LOWER)
        prefix = _PREFIX.match(folded)
        random = folded[prefix.end() :] if prefix else folded
        if len(random) >= RECOGNIZABLE:
            last = len(random) - RECOGNIZABLE
            parts |= {random[at : at + RECOGNIZABLE] for at in range(last + 1)}
        elif len(folded) >= _SHORTEST:
            parts.add(folded)

    def redact(text: str) -> str:
        folded = text.translate(_LOWER)
        covered = bytearray(len(text))
        for part in parts:
            at = folded.find(part)
            while at >= 0:
                covered[at : at + len(part)] = b"\1" * len(part)
                at = folded.find(part, at + 1)
        return _blot(text, covered) if any(covered) else text

    return redact


def _blot(text: str, covered: bytearray) -> str:
    pieces, shown = [], True
    for character, hidden in zip(text, covered, strict=True):
        if not hidden:
            pieces.append(character)
        elif shown:
            pieces.append(_SHOWN)
        shown = not hidden
    return "".join(pieces)
