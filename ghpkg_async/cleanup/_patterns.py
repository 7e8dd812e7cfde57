"""Patterns of tags, package names and version names: globs, ``re:`` expressions, exclusions."""

from __future__ import annotations

import re
from fnmatch import translate
from typing import TYPE_CHECKING, Final

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Patterns"]

_MAX_PATTERNS: Final = 1000
_MAX_LENGTH: Final = 1000
_MAX_REPETITIONS: Final = 6
_FEW: Final = 10

_TOKEN: Final = re.compile(
    r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\((?:\?(?:P?[<=!:>]+|P<\w+>|[a-zA-Z-]+:?))?"
    r"|(?P<repeat>[*+?]|\{\d*,?\d*\})|.",
    re.DOTALL,
)


def _patterns_of(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(texts)


@attrs.frozen
class Patterns:
    """A text matches if a pattern matches all of it and no exclusion does; case counts.

    Attributes:
        texts: globs (``*``, ``?``, ``[a-z]``), or regular expressions after ``re:``; an exclusion
            begins with ``!``. Without any, nothing matches.

    Raises:
        ValueError: a pattern is empty, too long or not a regular expression, might take
            exponential time, or all are exclusions.
    """

    texts: tuple[str, ...] = attrs.field(converter=_patterns_of)
    _literals: frozenset[str] = attrs.field(init=False, eq=False, repr=False)
    _included: tuple[re.Pattern[str], ...] = attrs.field(init=False, eq=False, repr=False)
    _excluded: tuple[re.Pattern[str], ...] = attrs.field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        if len(self.texts) > _MAX_PATTERNS:
            raise ValueError(f"{len(self.texts):,} patterns are more than {_MAX_PATTERNS:,}")
        included = [text for text in self.texts if text[:1] != "!"]
        excluded = [text[1:] for text in self.texts if text[:1] == "!"]
        if excluded and not included:
            raise ValueError(f"{list(self.texts)!r} has exclusions only; add '*' to match the rest")
        literals = {text for text in included if _is_literal(text)}
        compiled = (_compile(text) for text in included if text not in literals)
        object.__setattr__(self, "_included", tuple(compiled))
        object.__setattr__(self, "_excluded", tuple(map(_compile, excluded)))
        object.__setattr__(self, "_literals", frozenset(literals))

    def match(self, text: str) -> bool:
        """Return whether the text matches."""
        if text not in self._literals and not any(p.fullmatch(text) for p in self._included):
            return False
        return not any(pattern.fullmatch(text) for pattern in self._excluded)

    @property
    def names(self) -> frozenset[str] | None:
        """All matching texts; ``None`` if an included pattern is a glob or an expression."""
        return None if self._included else frozenset(filter(self.match, self._literals))

    def unmatched(self, texts: Iterable[str]) -> list[str]:
        """Return the patterns, exclusions aside, that match none of the texts."""
        texts = frozenset(texts)
        return [
            pattern
            for pattern in self.texts
            if pattern[:1] != "!"
            and pattern not in texts
            and not any(map(_compile(pattern).fullmatch, texts))
        ]


def _is_literal(text: str) -> bool:
    return bool(text) and text[:3] != "re:" and not any(character in text for character in "*?[")


def _compile(text: str) -> re.Pattern[str]:
    if not text or text == "re:":
        raise ValueError("a pattern is empty")
    if len(text) > _MAX_LENGTH:
        raise ValueError(f"{text[:40]!r}... is longer than {_MAX_LENGTH:,} characters")
    if text[:3] != "re:":
        return re.compile(translate(text))
    expression = text[3:]
    try:
        compiled = re.compile(expression)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"{text!r} is not a regular expression: {error}") from None
    _refuse_slow(text, expression)
    return compiled


def _refuse_slow(text: str, expression: str) -> None:
    """Refuse expressions whose time may grow exponentially: `re` has no time limit.

    These repeat, without a small bound, a group that can match one text in several ways.
    """
    groups, closed, repetitions = [False], False, 0
    for token in _TOKEN.finditer(expression):
        repeat, character = token["repeat"], token[0]
        if repeat:
            unbounded = _bound(repeat) > _FEW
            repetitions += unbounded
            if (closed and unbounded) or repetitions > _MAX_REPETITIONS:
                raise ValueError(
                    f"{text!r} may take very long: it repeats a group that holds a repetition or "
                    f"alternatives, or has more than {_MAX_REPETITIONS} repetitions"
                )
            groups[-1] = True
        elif character[0] == "(" and token[0] != "\\(":
            groups.append(False)
        elif character == "|":
            groups[-1] = True
        closed = False
        if character == ")" and len(groups) > 1:
            closed = groups.pop()
            groups[-1] |= closed


def _bound(repeat: str) -> float:
    if repeat in "*+":
        return float("inf")
    if repeat == "?":
        return 1
    low, comma, high = repeat[1:-1].partition(",")
    if comma and not high:
        return float("inf")
    return float(high or low or 0)
