"""What a server says, made fit for people to read: in a terminal, a notebook or a report."""

from __future__ import annotations

__all__ = ["counted", "printable"]


def printable(text: str) -> str:
    r"""The text with all that would steer a terminal written out, like ``\x1b`` and ``\u202e``.

    Names and messages come from others: an escape sequence could recolor or retitle the terminal,
    and a change of direction could make one name look like another.
    """
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def counted(number: int, noun: str) -> str:
    """``1 package``, ``2 packages``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
