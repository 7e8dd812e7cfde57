"""Example responses of the API's two reference pages, parsed from the text of the pages.

``enterprise-server-page.txt`` is the page of GitHub Enterprise Server, ``dotcom-page.txt`` an
older one of GitHub.com, from before API versioning.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

DATA: Final = Path(__file__).parents[1] / "data"
PAGES: Final = ("enterprise-server-page.txt", "dotcom-page.txt")

_RESPONSE: Final = re.compile(r"^Status: 200(?: OK)?\n(?=[\[{])", re.MULTILINE)
_ROUTE: Final = re.compile(r"^get (/\S+)$|http\(s\)://HOSTNAME/api/v3(/[^\s\"?]+)", re.MULTILINE)


def examples(page: str) -> list[tuple[str, Any]]:
    """Return the path and the example response of each GET operation, in the order of the page."""
    text = (DATA / page).read_text()
    found = []
    for response in _RESPONSE.finditer(text):
        route = list(_ROUTE.finditer(text, 0, response.start()))[-1]
        example, _ = json.JSONDecoder().raw_decode(text, response.end())
        found.append((route[1] or route[2], example))
    return found


ALL_EXAMPLES: Final = [
    (f"{page.partition('-')[0]} {route}", example)
    for page in PAGES
    for route, example in examples(page)
]


def operations() -> dict[str, tuple[str, str]]:
    """Return method and path of each of the 27 operations, by name, from the contract's table."""
    rows = [line.split("|") for line in (DATA / "contract.md").read_text().splitlines()]
    return {
        row[1]: (row[2], row[3])
        for row in rows
        if len(row) > 6 and row[2] in ("GET", "DELETE", "POST")
    }
