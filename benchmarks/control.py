"""Client of the benchmark server: starts, resets and queries it."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias
from urllib.parse import urlencode, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .data import Listing

LinkMode: TypeAlias = Literal["github", "always", "never"]
"""When ``Link`` is sent: like GitHub, which omits it if all items fit one page; always; never."""


@dataclass(frozen=True)
class Stats:
    """Statistics of the server since the last reset.

    Attributes:
        requests: number of requests received.
        max_in_flight: largest number of requests in flight.
        cpu_seconds: CPU time of the server process.
    """

    requests: int
    max_in_flight: int
    cpu_seconds: float


class Control:
    """Blocking client that configures the server at a base URL and reads its statistics."""

    def __init__(self, base_url: str) -> None:
        self._host = urlsplit(base_url).netloc

    def reset(self, *, latency: float = 0.0, link: LinkMode = "github") -> None:
        """Reset the statistics; later responses take ``latency`` seconds."""
        self._ask("/_reset?" + urlencode({"latency": latency, "link": link}))

    def stats(self) -> Stats:
        """Return the statistics since the last reset."""
        return Stats(**self._ask("/_stats"))

    def _ask(self, target: str) -> Any:
        connection = http.client.HTTPConnection(self._host, timeout=30)
        try:
            connection.request("GET", target)
            return json.load(connection.getresponse())
        finally:
            connection.close()


@contextmanager
def serving(listings: Sequence[Listing]) -> Iterator[str]:
    """Run a server of the listings; yield its base URL."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.server"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps([asdict(listing) for listing in listings]) + "\n")
        process.stdin.flush()
        port = process.stdout.readline().strip()
        if not port:
            raise RuntimeError("the server did not start")
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.stdin.close()
