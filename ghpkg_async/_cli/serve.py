"""`ghpkg serve`: the embedded GitHub Packages, for any client in any language."""

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
            help="Serve the demo's world. Its tokens are ghp_demo (every scope) and "
            "ghp_demo_read (read:packages).",
        ),
    ] = False,
    data: Annotated[
        Path | None,
        Parameter(help="Serve the world of this JSON file, with the tokens in it."),
    ] = None,
    behaves: Annotated[
        Behaves,
        Parameter(
            help="The GitHub to imitate: as its responses are recorded, as its reference "
            "documents them, or as recorded and without Link for package listings."
        ),
    ] = "recorded",
    fault: Annotated[
        list[str],
        Parameter(
            help="Let this part of the requests fail, NAME=RATE, such as server_error=0.1; "
            "repeatable. reset_after and other names with _after fail when the request is done.",
            negative=(),
            show_default=False,
        ),
    ] = [],  # noqa: B006  (never changed; what cyclopts shows and takes)
    limit: Annotated[
        int | None,
        Parameter(help="Requests an hour that each token has, at least 1. Default: no limit."),
    ] = None,
) -> None:
    """Serve an embedded GitHub Packages API on 127.0.0.1, until SIGINT or SIGTERM.

    It prints "listening on http://127.0.0.1:PORT" once it accepts connections. Without --demo
    and --data its world is empty, and takes the token ghp_embedded (every scope). What is changed
    lasts until it ends. `ghpkg` reads the token for it from GH_ENTERPRISE_TOKEN.

    Example: ghpkg serve --port 8080 --demo --fault server_error=0.1 --limit 5000
    """
    if not 0 <= port <= _HIGHEST_PORT:
        raise WrongUsage(f"--port: {port} is not a port, 0 to {_HIGHEST_PORT}")
    if demo and data is not None:
        raise WrongUsage("--demo and --data are two worlds; choose one")
    from ..testing import EmbeddedGitHub

    server = EmbeddedGitHub(
        _world(demo, data),
        port=port,
        behaves=behaves,
        faults=_faults(fault, limit),
        max_requests=0,
    )
    asyncio.run(_serve(server, port, Output(json=False), of_a_file=data is not None))


def _faults(given: Sequence[str], limit: int | None) -> "Faults":
    from ..testing import Faults, PrimaryLimit
    from ..testing._faults import RATES

    if limit is not None and limit < 1:
        raise WrongUsage(f"--limit: {limit} is not a number of requests, at least 1")
    rates: dict[str, Any] = {}
    for text in given:
        name, _, rate = text.partition("=")
        if name not in RATES:
            raise WrongUsage(f"--fault: {name!r} is not a fault; choose from {', '.join(RATES)}")
        try:
            rates[name] = float(rate)
        except ValueError:
            raise WrongUsage(f"--fault: {text!r} has no rate from 0 to 1 after =") from None
    try:
        return Faults(**rates, primary_limit=None if limit is None else PrimaryLimit(limit))
    except ValueError as error:
        raise WrongUsage(f"--fault: {error}") from None


def _world(demo: bool, data: Path | None) -> "World | None":
    """The world to serve; ``None``: the server's own empty one."""
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


async def _serve(server: "EmbeddedGitHub", port: int, output: Output, *, of_a_file: bool) -> None:
    # Handlers of `signal`, not of the loop: those are there on Windows too.
    loop, told_to_stop = asyncio.get_running_loop(), asyncio.Event()
    for number in STOPPING:
        signal.signal(number, lambda *_: loop.call_soon_threadsafe(told_to_stop.set))

    try:
        await server.start()
    except OSError as error:
        raise CannotListen(f"Cannot listen on port {port}: {error.strerror or error}") from error
    try:
        output.note(_served(server.world, of_a_file=of_a_file))
        output.line(f"listening on {server.url}")
        await told_to_stop.wait()
    finally:
        await server.close()
        for number in STOPPING:  # It stops already; the loop to tell is about to be gone.
            signal.signal(number, signal.SIG_IGN)


def _served(world: "World", *, of_a_file: bool) -> str:
    owners = [owner.login for owner in world.owners if any(owner.all_packages())]
    tokens = [token.value for token in world.tokens]
    # The tokens of a file are somebody's own; the others are in the documentation.
    accepted = counted(len(tokens), "token") if of_a_file else " or ".join(tokens)
    return f"Serving {', '.join(owners) or 'no packages yet'}; accepting {accepted or 'no token'}."
