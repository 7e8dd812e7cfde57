"""OpenTelemetry traces the client through its instrumentation of aiohttp, each attempt once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp
import pytest
from opentelemetry.instrumentation.aiohttp_client import AioHttpClientInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.support.api import package
from tests.support.hostile import TOKEN, HostileServer, assert_keeps_secret, hanging_up, response

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    instrumentor = AioHttpClientInstrumentor()
    instrumentor.instrument(tracer_provider=provider)
    yield exporter
    instrumentor.uninstrument()


@pytest.mark.parametrize("injected", [False, True], ids=["own session", "injected session"])
async def test_each_attempt_is_one_span(
    spans: InMemorySpanExporter, server: HostileServer, injected: bool
) -> None:
    server.will(response(503), hanging_up(), response(200, package(1)))
    async with aiohttp.ClientSession() as session:
        given = {"session": session} if injected else {}
        async with server.client(max_retries=2, **given) as gh:
            await gh.org("acme").package("npm", "p").get()
    finished = spans.get_finished_spans()
    assert [span.name for span in finished] == ["GET"] * 3
    attributes = [dict(span.attributes or {}) for span in finished]
    assert [each.get("http.status_code") for each in attributes] == [503, None, 200]
    assert attributes[0]["http.url"] == f"{server.url}/orgs/acme/packages/npm/p"
    assert_keeps_secret("".join(span.to_json() for span in finished), TOKEN)
