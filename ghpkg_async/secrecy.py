"""Keeps tokens out of what errors tell, whatever a server repeats of them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from .errors import GitHubPackagesError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Secrets"]

RECOGNIZABLE: Final = 8
"""As many characters of a secret in a row are a part of it."""
_REMEMBERED: Final = 16
_SHOWN: Final = "***"


class Secrets:
    """The tokens of a client: the ones in use, and the last few that were."""

    def __init__(self) -> None:
        self._parts: dict[str, frozenset[str]] = {}

    def add(self, secret: str) -> None:
        """Hides a secret from now on."""
        if secret in self._parts:
            return
        self._parts[secret] = frozenset(
            written[start : start + RECOGNIZABLE]
            for written in (secret.lower(), quote(secret, safe="").lower())
            for start in range(max(1, len(written) - RECOGNIZABLE + 1))
            if len(written) >= RECOGNIZABLE
        )
        if len(self._parts) > _REMEMBERED:
            del self._parts[next(iter(self._parts))]

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
        folded = text.lower()
        for parts in self._parts.values():
            if not any(part in folded for part in parts):
                continue
            hidden = bytearray(len(text))
            for start in range(len(text) - RECOGNIZABLE + 1):
                if folded[start : start + RECOGNIZABLE] in parts:
                    hidden[start : start + RECOGNIZABLE] = b"\1" * RECOGNIZABLE
            text = _blotted(text, hidden)
            folded = text.lower()
        return text


def _blotted(text: str, hidden: bytearray) -> str:
    pieces, shown = [], True
    for character, covered in zip(text, hidden, strict=True):
        if not covered:
            pieces.append(character)
        elif shown:
            pieces.append(_SHOWN)
        shown = not covered
    return "".join(pieces)
