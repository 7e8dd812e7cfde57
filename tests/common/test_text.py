"""Escaping: no character controls the terminal, is invisible or changes the direction."""

from __future__ import annotations

import re
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghpkg_async._text import counted, printable


@given(st.text(st.characters()))
def test_escaped_text_has_only_visible_characters(text: str) -> None:
    assert printable(text).isprintable()
    assert printable(printable(text)) == printable(text)
    printable(text).encode()


@given(st.text(st.characters(categories=["Lu", "Ll", "Lt", "Lm", "Nd", "Nl", "P", "Sm", "Sc"])))
def test_letters_digits_and_signs_stay(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize(
    "text",
    ["team/app", "@scope/pkg", "[bold]", "Grüße, 世界", "", "한국어", "हिन्दी", "עברית", "العربية",
     "ไทย", "e\u0301", "🚀", "❤", "👍🏽", "🇩🇪", "\\x1b"],
)  # fmt: skip
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
def test_control_and_invisible_characters_are_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown


INVISIBLE = re.compile(
    r"^TAG |\b(VARIATION SELECTOR|JOINER|ZERO WIDTH|NO-BREAK|BRAILLE PATTERN BLANK|INVISIBLE|"
    r"VOWEL INHERENT|NULL NOTEHEAD|EMBEDDING|OVERRIDE|ISOLATE|(HANGUL|SEONG|SCRIPT) FILLER)\b"
)


def test_characters_that_unicode_calls_invisible_are_written_out() -> None:
    characters = [
        character
        for character in map(chr, range(sys.maxunicode + 1))
        if INVISIBLE.search(unicodedata.name(character, ""))
    ]
    assert len(characters) > 350
    text = "".join(characters)
    assert printable(text) == text.encode("unicode_escape").decode()


@pytest.mark.parametrize(
    "code",
    [0x3164, 0x115F, 0x1160, 0xFFA0, 0x2800, 0xFE0F, 0x034F, 0x200B, 0x00AD, 0x202E, 0x2066,
     0xE0041, 0xE0101, 0x180B, 0x17B4, 0x1D159, 0x00A0, 0x3000, 0xFEFF, 0x0085, 0xE000, 0x0378],
)  # fmt: skip
def test_a_name_with_an_invisible_character_is_not_shown_like_another(code: int) -> None:
    shown = printable(f"app{chr(code)}")
    assert shown == "app" + chr(code).encode("unicode_escape").decode()


def test_things_are_counted_in_words() -> None:
    assert (counted(1, "part"), counted(2000, "part")) == ("1 part", "2,000 parts")
