"""Options and arguments that the subcommands of `ghpkg cleanup` share."""

import sys
from pathlib import Path
from typing import Annotated, ClassVar, Final, TypeAlias

from cyclopts import Parameter
from platformdirs import user_cache_path

from .._text import counted, printable
from ..cleanup import Plan
from ..cleanup._plan_file import is_plan
from ..cleanup._records import PackageKey
from .failures import EXIT_REFUSED, CommandExit, WrongUsage, translate_errors
from .output import Output

__all__ = [
    "LONGEST_WAIT",
    "SWITCH",
    "Check",
    "ManifestCache",
    "PlanFile",
    "RegistryUrl",
    "Unfinished",
    "Yes",
    "cache_file",
    "check_plan_output",
    "confirm",
    "load_plan",
    "package_key",
    "require_terminal",
]

LONGEST_WAIT: Final = 7200.0
"""Seconds that plan, apply and undo wait for a rate limit: an hourly reset, and a margin."""

SWITCH: Final = {"negative": (), "show_default": False}

PlanFile: TypeAlias = Annotated[Path, Parameter(name="PLAN", help="A plan, PLAN.jsonl.")]
RegistryUrl: TypeAlias = Annotated[
    str | None,
    Parameter(
        help="The container registry. Default: https://ghcr.io for api.github.com, "
        "https://containers.NAME.ghe.com for *.ghe.com, else https://containers.HOST."
    ),
]
ManifestCache: TypeAlias = Annotated[
    str | None,
    Parameter(
        name="--cache",
        help="File to keep manifests in, so that they are downloaded once; none: keep none. "
        "Default: a file in the user's cache folder.",
    ),
]
Check: TypeAlias = Annotated[
    bool,
    Parameter(name=("--check", "--dry-run"), help="Only show what would change.", **SWITCH),
]
Yes: TypeAlias = Annotated[bool, Parameter(help="Do not ask. Needed without a terminal.", **SWITCH)]


class Unfinished(CommandExit):
    """A part could not be deleted, restored or verified."""

    status: ClassVar[int] = EXIT_REFUSED


def package_key(option: str, text: str) -> PackageKey:
    owner, _, rest = text.partition("/")
    package_type, _, name = rest.partition("/")
    if not name:
        raise WrongUsage(f"{option}: {text!r} is not OWNER/TYPE/NAME, like acme/container/team/app")
    return owner, package_type, name


def load_plan(path: Path) -> Plan:
    with translate_errors("PLAN", whole=True):
        return Plan.load(path)


def check_plan_output(path: Path) -> None:
    """Raise `WrongUsage` if writing a plan would replace a file that is not one."""
    if path.is_file() and path.stat().st_size and not is_plan(path):
        raise WrongUsage(f"--output: {path} exists and is not a plan; name another file")


def cache_file(typed: str | None, console: Output) -> Path | None:
    """Return the file for manifests; ``None`` for no cache."""
    if typed == "none":
        return None
    if typed is not None:
        return Path(typed)
    folder = user_cache_path("ghpkg-async")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        console.note(f"Manifests are not cached: {folder}: {error.strerror or error}")
        return None
    return folder / "manifests.sqlite"


def require_terminal(verb: str) -> None:
    if not all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr)):
        raise WrongUsage(f"There is no terminal to confirm on. To {verb} without one: --yes")


def confirm(number: int, verb: str) -> None:
    """Continue if the number of versions is typed.

    Raises:
        WrongUsage: anything else was typed, or there is no terminal.
    """
    require_terminal(verb)
    if not number:
        return
    question = f"Type {number} to {verb} {counted(number, 'version')}: "
    sys.stderr.write(printable(question))
    sys.stderr.flush()
    if sys.stdin.readline().strip() != str(number):
        raise WrongUsage(f"Not confirmed: nothing was {verb}d")
