"""Parse durations like ``20h``; format them like ``3 days``."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

from .._text import counted
from .failures import WrongUsage

__all__ = ["age_text", "parse_duration"]

_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_LONGEST_IN_HOURS: Final = timedelta(hours=48)


def parse_duration(option: str, text: str) -> timedelta:
    """Parse a whole number with its unit, like ``20h``.

    Args:
        option: name of the option, for the error message.
        text: a number of up to 5 digits and one of s, m, h, d and w.

    Raises:
        WrongUsage: the text is not a duration.
    """
    match = re.fullmatch(r"([0-9]{1,5})([smhdw])", text)
    if match is None:
        raise WrongUsage(
            f"{option}: {text!r} is not a duration; write 90m, 20h or 7d (units: s, m, h, d, w)"
        )
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def age_text(age: timedelta) -> str:
    """Format a duration like ``5 minutes``, ``26 hours`` or ``3 days``, rounded down."""
    if age < timedelta(hours=1):
        number, unit = age // timedelta(minutes=1), "minute"
    elif age < _LONGEST_IN_HOURS:
        number, unit = age // timedelta(hours=1), "hour"
    else:
        number, unit = age.days, "day"
    return counted(number, unit)
