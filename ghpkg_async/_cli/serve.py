"""`ghpkg serve`: serve the embedded GitHub Packages over HTTP to any client."""

import asyncio
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

from cyclopts import Parameter

from .._text import counted
from ..testing import Behaves
from .failures import CannotListen, WrongUsage
from .output import Output

if TYPE_CHECKING:
    from ..testing import EmbeddedGitHub, Faults, World

STOPPING: Final = (signal.SIGINT, signal.SIGTERM)

_HIGHEST_PORT: Final = 65535


def serve(
    *,
    port: Annotated[int, Parameter(help="The port to listen on; 0: a free one.")] = 0,
    demo: Annotated[
        bool,
        Parameter(
            negative=(),
            show_default=False,
            help="Serve the packages of the demo. Tokens: ghp_demo (every scope) and "
            "ghp_demo_read (read:packages).",
        ),
    ] = False,
    data: Annotated[
        Path | None,
        Parameter(help="Serve the packages and tokens of this JSON file."),
    ] = None,
    behaves: Annotated[
        Behaves,
        Parameter(
            help="Behave like GitHub's recorded responses, like its reference, or like the "
            "recorded responses without the Link header in package listings."
        ),
    ] = "recorded",
    fault: Annotated[
        list[str],
        Parameter(
            help="Fail a part of the requests, NAME=RATE, such as server_error=0.1; repeatable. "
            "Names with _after, such as reset_after, fail after the request has taken effect.",
            negative=(),
            show_default=False,
        ),
    ] = [],  # noqa: B006  (never mutated; cyclopts reads the default)
    limit: Annotated[
        int | None,
        Parameter(help="Requests per hour and token, at least 1. Default: no limit."),
    ] = None,
) -> None:
    """Serve an embedded GitHub Packages API on 127.0.0.1, until SIGINT or SIGTERM.

    Prints "listening on http://127.0.0.1:PORT" as soon as it accepts connections. Without --demo
    and --data, it has no packages and accepts the token ghp_embedded (every scope). Changes are
    lost when it exits. Pass the token to `ghpkg` in GH_ENTERPRISE_TOKEN.

    Example: ghpkg serve --port 8080 --demo --fault server_error=0.1 --limit 5000
    """
    if not 0 <= port <= _HIGHEST_PORT:
        raise WrongUsage(f"--port: {port} is not a port, 0 to {_HIGHEST_PORT}")
    if demo and data is not None:
        raise WrongUsage("--demo and --data exclude each other; choose one")
    from ..testing import EmbeddedGitHub

    server = EmbeddedGitHub(
        _world(demo, data),
        port=port,
        behaves=behaves,
        faults=_faults(fault, limit),
        max_requests=0,
    )
    asyncio.run(_serve(server, port, Output(json=False), hides_tokens=data is not None))


def _faults(texts: Sequence[str], limit: int | None) -> "Faults":
    from ..testing import Faults, PrimaryLimit

    if limit is not None and limit < 1:
        raise WrongUsage(f"--limit: {limit} is not a number of requests, at least 1")
    rates: dict[str, Any] = {}
    for text in texts:
        name, _, rate = text.partition("=")
        if name not in Faults.RATES:
            raise WrongUsage(
                f"--fault: {name!r} is not a fault; choose from {', '.join(Faults.RATES)}"
            )
        try:
            rates[name] = float(rate)
        except ValueError:
            raise WrongUsage(f"--fault: {text!r} has no rate from 0 to 1 after =") from None
    try:
        return Faults(**rates, primary_limit=None if limit is None else PrimaryLimit(limit))
    except ValueError as error:
        raise WrongUsage(f"--fault: {error}") from None


def _world(demo: bool, data: Path | None) -> "World | None":
    """Return the world to serve; ``None`` for the default, empty world of the server."""
    if demo:
        from ..testing import demo_world

        return demo_world()
    if data is None:
        return None
    from ..testing import World

    try:
        return World.from_json(data)
    except (OSError, ValueError) as error:
        raise WrongUsage(f"--data: {data}: {error}") from error


async def _serve(
    server: "EmbeddedGitHub", port: int, output: Output, *, hides_tokens: bool
) -> None:
    # signal.signal, not loop.add_signal_handler: the latter does not exist on Windows.
    loop, stop_requested = asyncio.get_running_loop(), asyncio.Event()
    for number in STOPPING:
        signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop_requested.set))

    try:
        await server.start()
    except OSError as error:
        raise CannotListen(f"Cannot listen on port {port}: {error.strerror or error}") from error
    try:
        output.note(_summary(server.world, hides_tokens=hides_tokens))
        output.line(f"listening on {server.url}")
        await stop_requested.wait()
    finally:
        await server.close()
        for number in STOPPING:  # A second signal would call a loop that is closed.
            signal.signal(number, signal.SIG_IGN)


def _summary(world: "World", *, hides_tokens: bool) -> str:
    owners = [owner.login for owner in world.owners if any(owner.all_packages())]
    tokens = [token.value for token in world.tokens]
    # Tokens of a file may be secret; the others are documented.
    accepted = counted(len(tokens), "token") if hides_tokens else " or ".join(tokens)
    return f"Serving {', '.join(owners) or 'no packages yet'}; accepting {accepted or 'no token'}."
