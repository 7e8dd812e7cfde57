"""What a server says, made fit for people: nothing in it steers, hides or misleads."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghpkg_async.text import counted, printable


@given(st.text(st.characters()))
def test_what_is_shown_can_be_seen(text: str) -> None:
    assert printable(text).isprintable()
    assert printable(text) == text or not text.isprintable()
    printable(text).encode()


@pytest.mark.parametrize("text", ["team/app", "@scope/pkg", "[bold]", "Grüße, 世界", ""])
def test_ordinary_text_stays(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b]0;title\x07\r\n", r"\x1b[31mred\x1b]0;title\x07\r\n"),
        ("evil\u202egpj.exe\u200b\u2028\x9b1m", r"evil\u202egpj.exe\u200b\u2028\x9b1m"),
        ("\ud800", r"\ud800"),
    ],
)
def test_what_steers_a_terminal_or_cannot_be_seen_is_written_out(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_things_are_counted_in_words() -> None:
    assert (counted(1, "part"), counted(2000, "part")) == ("1 part", "2,000 parts")
