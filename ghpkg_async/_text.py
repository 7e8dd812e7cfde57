"""Text from servers and users, escaped for people who read it."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["counted", "markdown", "printable"]

# Characters that `str.isprintable` accepts and that show as nothing, or as a space: those that
# Unicode says to ignore (Default_Ignorable_Code_Point), joiners, fillers and blanks.
_INVISIBLE: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u2d7f\u3164\ufe00-\ufe0f\uffa0"
    "\U0001107f\U00016fe4\U0001d159\U000e0100-\U000e01ef]"
)

# Characters that begin markup, mentions, emoji, entities or links in GitHub's Markdown.
_SPECIAL: Final = re.compile(r"[\\`*_{}\[\]<>#|~!@&:$^]|(?<=www)\.", re.IGNORECASE)


def printable(text: str) -> str:
    r"""Return the text with everything invisible escaped, like ``\x1b``, ``\u202e``, ``\u3164``.

    For every name or message that a person reads. An escape sequence could recolor or retitle a
    terminal; a change of direction or an invisible character could make one name look like another.
    """
    if text.isprintable() and (text.isascii() or not _INVISIBLE.search(text)):
        return text
    return "".join(map(_escape_invisible, text))


def _escape_invisible(character: str) -> str:
    if character.isprintable() and not _INVISIBLE.match(character):
        return character
    return character.encode("unicode_escape").decode("ascii")


def markdown(text: str) -> str:
    """Return the text escaped for GitHub's Markdown: no part of it is markup or a link."""
    return _SPECIAL.sub(r"\\\g<0>", printable(text))


def counted(number: int, noun: str) -> str:
    """``1 package``, ``2 packages``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
