"""Fixtures: a `World` served over HTTP, and the tables of GitHub's contract as JSON Schema."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import jsonschema
import pytest
import pytest_asyncio
from attrs import define, field, frozen
from yarl import URL

from ghpkg_async.testing import EmbeddedGitHub, World

CONTRACT = Path(__file__).parent.parent / "data" / "contract.md"
TOKEN = "ghp_everything"


@define
class Clock:
    """Clock that changes only by `advance`."""

    time: datetime = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time

    def advance(self, **by: float) -> None:
        self.time += timedelta(**by)


@frozen
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def message(self) -> str:
        return str(self.json["message"])

    @property
    def links(self) -> dict[str, str]:
        found = re.findall(r'<([^>]+)>; rel="(\w+)"', self.headers.get("Link", ""))
        return {relation: url for url, relation in found}


@define
class Caller:
    """Client that sends paths unmodified, by default with a token that has all permissions."""

    server: EmbeddedGitHub
    session: aiohttp.ClientSession
    token: str | None = TOKEN
    headers: dict[str, str] = field(factory=dict)

    async def send(self, method: str, path: str, **headers: str) -> Reply:
        base = "" if path.startswith("http") else self.server.url
        sent = {**self.headers, **{name.replace("_", "-"): text for name, text in headers.items()}}
        if self.token is not None:
            sent.setdefault("Authorization", f"Bearer {self.token}")
        url = URL(base + path, encoded=True)
        async with self.session.request(method, url, headers=sent) as response:
            return Reply(response.status, response.headers, await response.read())

    async def get(self, path: str, **headers: str) -> Reply:
        return await self.send("GET", path, **headers)

    async def delete(self, path: str) -> Reply:
        return await self.send("DELETE", path)

    async def post(self, path: str) -> Reply:
        return await self.send("POST", path)

    async def names(self, path: str) -> list[str]:
        reply = await self.get(path)
        assert reply.status == 200, reply
        return [item["name"] for item in reply.json]

    def using(self, token: str | None) -> Caller:
        return Caller(self.server, self.session, token, self.headers)


Serve = Callable[..., Awaitable[Caller]]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def world(clock: Clock) -> World:
    world = World(clock)
    world.token(TOKEN, login="octocat", sso=True)
    return world


@pytest_asyncio.fixture
async def serve(world: World) -> AsyncIterator[Serve]:
    """Return a function that serves `world` or another one, with options of `EmbeddedGitHub`."""
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession())

        async def start(served: World = world, **options: Any) -> Caller:
            server = await stack.enter_async_context(EmbeddedGitHub(served, **options))
            return Caller(server, session)

        yield start


@pytest_asyncio.fixture
async def call(serve: Serve) -> Caller:
    return await serve()


@frozen
class Row:
    """Row of the table of operations in the contract."""

    id: str
    method: str
    path: str
    query: str
    success: str
    other: str

    @property
    def status(self) -> int:
        return int(self.success[:3])

    @property
    def schema(self) -> str | None:
        """Name of the response's schema, `package` or `package[]`; `None` for no body."""
        name = self.success.partition("→ ")[2] or self.success[4:]
        return None if "no body" in name else name


def rows() -> list[Row]:
    return [
        Row(*line.strip("|\n").split("|"))
        for line in CONTRACT.read_text(encoding="utf-8").splitlines()
        if re.match(r"\|[a-z-]+\|(GET|POST|DELETE)\|", line)
    ]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "row" in metafunc.fixturenames:
        metafunc.parametrize("row", rows(), ids=lambda row: row.id)


class Schemas:
    """Tables of the contract as JSON Schema without additional properties."""

    def __init__(self) -> None:
        self.definitions: dict[str, dict[str, Any]] = {}
        for heading, table in _sections(CONTRACT.read_text(encoding="utf-8")):
            self._define(heading, table)
        # GitHub sends `internal`, although its documented enum lacks the value.
        self.definitions["package"]["properties"]["visibility"]["enum"].append("internal")

    def check(self, value: Any, name: str) -> None:
        validator = jsonschema.Draft202012Validator(
            {**self._reference(name.removesuffix("[]")), "$defs": self.definitions},
            format_checker=FORMATS,
        )
        if name.endswith("[]"):
            assert isinstance(value, list)
        for item in value if name.endswith("[]") else [value]:
            validator.validate(item)

    def _define(self, heading: str, table: str) -> None:
        name, _, nullable = heading.partition(" ")
        properties: dict[str, Any] = {}
        required = []
        for line in table.splitlines():
            cells = line[1:-1].split("|")
            if line.startswith("|") and cells[0] not in ("field", "-"):
                field_name, kind, needed, may_be_null, format_, enum = cells
                schema = self._type(f"{name}.{field_name}", kind, nullable=may_be_null == "yes")
                if format_:
                    schema["format"] = format_
                if enum:
                    schema["enum"] = enum.split()
                properties[field_name] = schema
                if needed == "yes":
                    required.append(field_name)
        if undeclared := re.search(r"required but not declared: \['(\w+)'\]", table):
            properties[undeclared[1]] = {}
            required.append(undeclared[1])
        self.definitions[name] = {
            "type": ["object", "null"] if nullable else "object",
            "properties": properties,
            "required": required,
            "additionalProperties": False,
        }

    def _type(self, path: str, kind: str, *, nullable: bool) -> dict[str, Any]:
        if array := re.fullmatch(r"array<(\w+)>", kind):
            return {"type": "array", "items": {"type": array[1]}}
        if kind == "object":
            within = f"## {path}" in CONTRACT.read_text(encoding="utf-8")
            return self._reference(path) if within else {"type": ["object", "null"]}
        if kind in ("string", "integer", "boolean"):
            return {"type": [kind, "null"] if nullable else kind}
        return self._reference(kind)

    @staticmethod
    def _reference(name: str) -> dict[str, Any]:
        return {"$ref": f"#/$defs/{name}"}


def _sections(text: str) -> Iterator[tuple[str, str]]:
    for section in text.split("\n## ")[1:]:
        heading, _, table = section.partition("\n")
        yield heading, table


FORMATS = jsonschema.FormatChecker(formats=())


@FORMATS.checks("date-time")
def is_time(value: object) -> bool:
    return re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", str(value)) is not None


@FORMATS.checks("uri")
def is_uri(value: object) -> bool:
    # A URL template such as /gists{/gist_id} is not a URL.
    parts = urlsplit(str(value))
    return bool(parts.scheme and parts.netloc) and not re.search(r"[{}\s]", str(value))


@pytest.fixture(scope="session")
def schemas() -> Schemas:
    return Schemas()
