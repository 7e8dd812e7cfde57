"""Keeps tokens out of what errors tell, whatever a server repeats of them."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from string import ascii_lowercase, ascii_uppercase
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from .errors import GitHubPackagesError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Secret", "Secrets"]

RECOGNIZABLE: Final = 8
"""As many characters of a secret in a row are a part of it."""
_SHORTEST: Final = 4
_REMEMBERED: Final = 16
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


class Secrets:
    """The tokens of a client: those in use, and the last few that were."""

    def __init__(self) -> None:
        self._parts: dict[str, frozenset[str]] = {}
        self._in_use: Counter[str] = Counter()

    def add(self, secret: str) -> None:
        """Hides one of the client's own tokens from now on."""
        if not secret or secret in self._parts:
            return
        self._parts[secret] = _parts_of(secret)
        idle = [each for each in self._parts if not self._in_use[each]]
        if len(idle) > _REMEMBERED:
            del self._parts[idle[0]]

    @contextmanager
    def using(self, secret: str | None) -> Iterator[None]:
        """Hides a secret that belongs to one call, from whatever leaves the block."""
        if not secret:
            yield
            return
        self._in_use[secret] += 1
        self._parts.setdefault(secret, _parts_of(secret))
        try:
            with self.hidden():
                yield
        finally:
            self._in_use[secret] -= 1
            if not self._in_use[secret]:
                del self._in_use[secret]
                self._parts.pop(secret, None)

    @contextmanager
    def hidden(self) -> Iterator[None]:
        """Whatever error of ours leaves the block tells no secret."""
        try:
            yield
        except GitHubPackagesError as error:
            self._hide(error)
            raise

    def _hide(self, error: BaseException) -> None:
        error.args = tuple(map(self._clean, error.args))
        for name, value in vars(error).items():
            setattr(error, name, self._clean(value))
        cause, error.__context__ = error.__cause__, None
        if cause is not None and self._tells(cause):
            error.__cause__ = None

    def _tells(self, error: BaseException) -> bool:
        """Whether an error of somebody else, or one that it came from, tells a secret."""
        came_from = (error.__cause__, error.__context__)
        told = f"{error} {error!r} {error.args!r} {vars(error)!r}"
        return self.clean(told) != told or any(map(self._tells, filter(None, came_from)))

    def _clean(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.clean(value)
        if isinstance(value, (tuple, list)):
            return type(value)(map(self._clean, value))
        return value

    def clean(self, text: str) -> str:
        """The text with what can be recognized of a secret replaced."""
        for parts in self._parts.values():
            folded = text.translate(_LOWER)
            if any(part in folded for part in parts):
                text = _blotted(text, folded, parts)
        return text


def _parts_of(secret: str) -> frozenset[str]:
    """What a secret is recognized by, as it is and percent-encoded; a very short one by nothing."""
    found = set()
    for written in {secret.translate(_LOWER), quote(secret, safe="").translate(_LOWER)}:
        width = min(RECOGNIZABLE, len(written))
        if width >= _SHORTEST:
            found |= {written[at : at + width] for at in range(len(written) - width + 1)}
    return frozenset(found)


def _blotted(text: str, folded: str, parts: frozenset[str]) -> str:
    width = len(next(iter(parts)))
    hidden = bytearray(len(text))
    for at in range(len(text) - width + 1):
        if folded[at : at + width] in parts:
            hidden[at : at + width] = b"\1" * width
    pieces, shown = [], True
    for character, covered in zip(text, hidden, strict=True):
        if not covered:
            pieces.append(character)
        elif shown:
            pieces.append(_SHOWN)
        shown = not covered
    return "".join(pieces)
