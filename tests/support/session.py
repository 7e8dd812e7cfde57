"""Session without a network: items in memory, in pages like GitHub's."""

from __future__ import annotations

import asyncio
import json
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import attrs
from multidict import CIMultiDict
from yarl import URL

from ghpkg_async._codec import decode_versions
from ghpkg_async._listing.listing import Listing
from ghpkg_async._listing.spec import ListingSpec
from ghpkg_async._paging.link_support import LinkSupport
from ghpkg_async._paging.mutations import MutationTracker
from ghpkg_async._paging.paginator import Paginator
from ghpkg_async._session.messages import Request, Response
from ghpkg_async.models import PackageVersion
from tests.support.api import version

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable
    from contextlib import AbstractContextManager

LinkMode: TypeAlias = Literal["link", "next only", "cursor", "none"]
BASE = URL("https://api.github.com")


@attrs.define
class InMemorySession:
    """Session over a collection in memory, which records the requested pages."""

    ids: list[int]
    mode: LinkMode = "link"
    per_page: int = 10
    capped: bool = False
    latency: Callable[[int], int] = lambda _number: 0
    origin: URL = BASE
    requested_pages: list[int] = attrs.field(factory=list)
    in_flight: int = 0
    max_in_flight: int = 0
    holes: dict[int, list[int]] = attrs.field(factory=dict)
    """Ids on a page by page number, for pages that differ from their slice of ``ids``."""
    link_support: LinkSupport = attrs.field(factory=LinkSupport)
    mutations: MutationTracker = attrs.field(factory=lambda: MutationTracker(replica_lag=0.0))
    not_modified: int = 0

    def call(self) -> AbstractContextManager[None]:
        return nullcontext()

    async def get(
        self,
        url: URL,
        *,
        flow: Hashable = None,
        is_continuation: bool = False,
        retry: bool = True,
        speculative: bool = False,
        on_admitted: Callable[[], object] | None = None,
        etag: str = "",
    ) -> Response:
        del flow, is_continuation, retry, speculative
        if on_admitted is not None:
            on_admitted()
        number = int(url.query.get("page") or url.query.get("after") or 1)
        per_page = int(url.query["per_page"])
        assert not self.capped or number * per_page <= 10_000
        self.requested_pages.append(number)
        self.in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self.in_flight)
        try:
            for _ in range(self.latency(number)):
                await asyncio.sleep(0)
            start = (number - 1) * per_page
            slice_ = self.holes.get(number, self.ids[start : start + per_page])
            body = json.dumps([version(each) for each in slice_]).encode()
            link = self.link(number, per_page).replace(
                "?", f"?visibility={url.query.get('visibility', '')}&"
            )
            current = f'"{hash(body)}"'
            if etag == current:
                self.not_modified += 1
                return Response(Request("GET", url), 304, CIMultiDict(), b"")
            headers = CIMultiDict({"ETag": current} | ({"Link": link} if link else {}))
            return Response(Request("GET", url), 200, headers, body)
        finally:
            self.in_flight -= 1

    async def remember_last(self, response: Response) -> None:
        raise AssertionError(f"{response.request}: no response of this session is stored")

    @property
    def pages(self) -> int:
        return -(-len(self.ids) // self.per_page)

    def link(self, number: int, per_page: int) -> str:
        pages = -(-len(self.ids) // per_page)
        if self.mode == "none" or pages <= 1:
            return ""
        place = f"{BASE}/organizations/1/packages?per_page={per_page}"
        if self.mode == "cursor":
            return f'<{place}&after={number + 1}>; rel="next"' if number < pages else "<>"
        links = [f'<{place}&page=1>; rel="first"'] if number > 1 else []
        if number < pages:
            links.append(f'<{place}&page={number + 1}>; rel="next"')
            if self.mode == "link":
                links.append(f'<{place}&page={pages}>; rel="last"')
        return ", ".join(links)

    def spec(self, query: str = "", **options: Any) -> ListingSpec[PackageVersion]:
        page = options.get("first", 1)
        url = f"{BASE}/orgs/acme/packages?per_page={self.per_page}&page={page}{query}"
        return ListingSpec(
            PackageVersion,
            lambda: Paginator(url, per_page=self.per_page, capped=self.capped, **options),
            decode_versions,
            "npm/left",
            self.mutations,
            self.link_support,
        )

    def listing(
        self, *, ahead: int = 16, consistent: bool = False, **options: Any
    ) -> Listing[PackageVersion]:
        return Listing(self, self.spec(**options), window=ahead, consistent=consistent)
