"""The command line: parse the arguments, run the command, return the exit status."""

from __future__ import annotations

import io
import os
import re
import signal
import sys
from contextlib import contextmanager
from importlib import import_module
from threading import Event, current_thread, main_thread
from typing import TYPE_CHECKING, Final

from cyclopts import App, CycloptsError, UnusedCliTokensError

from .._version import __version__
from .failures import EXIT_DONE, Failure, WrongUsage, failure_of
from .logs import logging_to_stderr
from .output import QuietConsole

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["run"]

HELP: Final = """List, audit, delete and restore packages on GitHub; serve them locally for tests.

The token is read from the environment: GH_TOKEN or GITHUB_TOKEN for github.com and *.ghe.com,
GH_ENTERPRISE_TOKEN or GITHUB_ENTERPRISE_TOKEN for any other server, or only for GH_HOST if set.

Exit status: 0 done; 1 done, with findings of --fail-on; 2 wrong usage; 3 all or part of the result
is missing: requests were refused or failed, or cleanup left versions or packages out; 130
interrupted or declined; 143 terminated.

Example: ghpkg demo
"""

# The exit status that a shell reports for a process ended by SIGTERM.
TERMINATED: Final = Failure(143, "Terminated")

_WITHOUT_OPTIONS: Final = ((), ("cleanup",))
_SUGGESTION: Final = re.compile(r" Did you mean [^?]*\?")

COMMANDS: Final[Mapping[str, tuple[str, str]]] = {
    "demo": ("demo", "demo"),
    "list": ("list_", "list_packages"),
    "versions": ("versions", "versions"),
    "conflicts": ("conflicts", "conflicts"),
    "audit": ("audit", "audit"),
    "delete": ("delete", "delete"),
    "restore": ("restore", "restore"),
    "serve": ("serve", "serve"),
    "notebook": ("notebook", "notebook"),
    "cleanup": ("cleanup", "cleanup"),
}
"""Module of each command and its function or app in it."""


def run(arguments: Sequence[str]) -> int:
    """Run the command; return the exit status.

    Args:
        arguments: the command line after ``ghpkg``.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # Without it, a name with characters outside the terminal's encoding would raise.
            stream.reconfigure(errors="backslashreplace")
    with _terminating_like_ctrl_c() as terminated, logging_to_stderr():
        try:
            _run(arguments)
            sys.stdout.flush()
        except BaseException as error:
            failure = TERMINATED if terminated.is_set() else failure_of(error)
            if failure is None:
                raise
            return _end(failure)
    return EXIT_DONE


def _run(arguments: Sequence[str]) -> None:
    try:
        command, bound, _ = _app(arguments).parse_args(
            arguments, console=QuietConsole(), print_error=False, exit_on_error=False
        )
    except CycloptsError as error:
        raise WrongUsage(_usage_message(error, arguments)) from error
    command(*bound.args, **bound.kwargs)


def _usage_message(error: CycloptsError, arguments: Sequence[str]) -> str:
    message = str(error)
    if isinstance(error, UnusedCliTokensError) and error.unused_tokens:
        message = f"Unexpected argument: {error.unused_tokens[0]!r}."
    chain = tuple(error.command_chain or ())
    command = " ".join(("ghpkg", *chain))
    first = next(iter(arguments[len(chain) :]), "")
    if chain in _WITHOUT_OPTIONS and re.match("--?[^-]", first):
        # cyclopts would take the option for a misspelled command.
        message = f"{first}: options follow the command, as in {command} COMMAND {first}."
    if "--" in arguments:
        # cyclopts would suggest the very option that was typed after --.
        message = f"{_SUGGESTION.sub('', message)} After --, everything is an argument; "
        message += "options go before it."
    return f"{message} See {command} --help"


@contextmanager
def _terminating_like_ctrl_c() -> Iterator[Event]:
    """Handle SIGTERM like Ctrl-C in the block: cancel tasks, keep files complete.

    Yields an event that is set on SIGTERM.
    """
    terminated = Event()
    if current_thread() is not main_thread():
        yield terminated
        return

    def interrupt(_signal: int, _frame: object) -> None:
        terminated.set()
        signal.raise_signal(signal.SIGINT)

    sigterm, sigint = signal.signal(signal.SIGTERM, interrupt), signal.getsignal(signal.SIGINT)
    if sigint is signal.SIG_IGN:
        # A shell without job control starts commands with ``&`` like this, and asyncio handles no
        # signal that is ignored: SIGTERM would have no effect.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield terminated
    finally:
        signal.signal(signal.SIGTERM, sigterm)
        signal.signal(signal.SIGINT, sigint)


def _end(failure: Failure) -> int:
    try:
        if failure.message:
            print(f"ghpkg: {failure.message}", file=sys.stderr)
        sys.stdout.flush()
    except OSError:
        # The reader closed the pipe. Python flushes again at exit, and would print an error.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return failure.status


def _app(arguments: Sequence[str]) -> App:
    """Return the app with the command that the arguments name; without one, with all of them.

    Importing all commands takes as long as everything else before the first request.
    """
    app = App(
        name="ghpkg",
        help=HELP,
        version=f"ghpkg {__version__}",
        version_flags=["--version"],
        help_format="markdown",
    )
    named = COMMANDS.keys() & set(arguments[:1])
    for name in named or COMMANDS:
        module, attribute = COMMANDS[name]
        command = getattr(import_module(f".{module}", __package__), attribute)
        if isinstance(command, App):
            app.command(command)
        else:
            # No version flags: delete and restore have a --version option of their own.
            app.command(command, name=name, version_flags=[])
    app.register_install_completion_command(version_flags=[])
    return app
