"""The `ghpkg` command. It needs the extra `cli`; importing this package does not.

One file a subcommand, which `app` gathers; what they share:

    options     the options and arguments several commands take
    owners      OWNER, as typed, to a namespace of the client
    output      results to standard output, everything else to standard error
    tables      rows and columns for people
    text        what a server says, made fit for a terminal
    failures    an error to an exit status and a message
"""

import sys

__all__ = ["main"]

_FROM_THE_EXTRA = ("cyclopts", "rich")


def main() -> int:
    """Runs `ghpkg` with the process's arguments; returns its exit status."""
    try:
        from .app import run
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in _FROM_THE_EXTRA:
            raise
        print('ghpkg needs its extra: pip install "ghpkg-async[cli]"', file=sys.stderr)
        return 2
    return run(sys.argv[1:])
