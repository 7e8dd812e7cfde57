"""The `ghpkg` command. It needs the extra `cli`; importing this package does not.

One module per subcommand, collected by `app`. Shared modules:

    options     options and arguments of several commands
    owners      OWNER argument -> namespace of the client
    output      results to standard output, everything else to standard error
    tables      rows and columns for people
    durations   parse and format durations
    logs        the library's log on standard error
    failures    exception -> exit status and message
"""

import sys

__all__ = ["main"]

_FROM_THE_EXTRA = ("cyclopts", "rich")


def main() -> int:
    """Run `ghpkg` with the arguments of the process; return the exit status."""
    try:
        from .app import run
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in _FROM_THE_EXTRA:
            raise
        print('ghpkg needs its extra: pip install "ghpkg-async[cli]"', file=sys.stderr)
        return 2
    return run(sys.argv[1:])
