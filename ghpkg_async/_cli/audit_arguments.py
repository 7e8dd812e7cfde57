"""Arguments of `ghpkg audit`, parsed and checked before anything is requested."""

import sys
from collections.abc import Sequence
from pathlib import Path

from .. import PACKAGE_TYPES
from .._owners import unique
from ..audit import OwnerName, Rule, Shard, parse_owner, read_owners
from .failures import WrongUsage, translate_errors

__all__ = [
    "allowed_failures",
    "check_possible",
    "owners_of_shard",
    "parse_owners",
    "parse_package_types",
    "parse_points",
    "parse_rules",
]


def parse_rules(texts: Sequence[str]) -> list[Rule]:
    """Return the rules of ``--fail-on``, each once."""
    with translate_errors("--fail-on"):
        return [Rule.parse(text) for text in dict.fromkeys(texts)]


def check_possible(rule: Rule, types: Sequence[str], *, versions: bool, has_baseline: bool) -> None:
    """Raise `WrongUsage` if a rule needs an option that was not given."""
    missing = rule.missing_requirement(
        versions=versions, has_baseline=has_baseline, conflicts="docker" in types
    )
    if missing is not None:
        option = {"versions": "--versions", "compare": "--compare FILE", "docker": "--type docker"}
        raise WrongUsage(f"--fail-on: {rule} needs {option[missing]}")


def parse_owners(typed: Sequence[str], source: Path | None) -> list[OwnerName]:
    """Return the owners of the command line and of a file, each once."""
    with translate_errors("OWNER"):
        owners = [parse_owner(text) for text in typed]
    if source is not None:
        with translate_errors("--owners-from", whole=True):
            owners += _read_owners(source)
    if not owners:
        raise WrongUsage("No owners to audit: name an OWNER, or a file of them with --owners-from")
    return unique(owners)


def owners_of_shard(owners: list[OwnerName], shard: str | None) -> list[OwnerName]:
    """Return the owners that belong to a shard like ``1/4``; ``None``: all."""
    if shard is None:
        return owners
    with translate_errors("--shard"):
        share = Shard.parse(shard)
    return [owner for owner in owners if share.holds(owner)]


def allowed_failures(typed: Sequence[str], owners: Sequence[OwnerName]) -> frozenset[str]:
    """Return the owners whose failures do not change the exit status, in lower case."""
    with translate_errors("--allow-failure"):
        allowed = frozenset(str(parse_owner(text)).lower() for text in typed)
    unknown = allowed - {str(owner).lower() for owner in owners}
    if unknown:
        raise WrongUsage(f"--allow-failure: {', '.join(sorted(unknown))}: not among the OWNERs")
    return allowed


def parse_package_types(typed: Sequence[str]) -> tuple[str, ...]:
    """Return the types of ``--type``, or all."""
    for package_type in typed:
        if package_type not in PACKAGE_TYPES:
            raise WrongUsage(f"--type: {package_type!r} is none of {', '.join(PACKAGE_TYPES)}")
    return tuple(typed) or PACKAGE_TYPES


def parse_points(typed: str) -> int | None:
    """Return the points per minute; ``None`` for no pacing."""
    if typed == "none":
        return None
    if not (typed.isascii() and typed.isdigit() and 0 < int(typed) < 10**9):
        raise WrongUsage(
            f"--points-per-minute: {typed!r} is neither a whole number from 1 to 999999999 nor none"
        )
    return int(typed)


def _read_owners(source: Path) -> list[OwnerName]:
    if str(source) == "-":
        return read_owners(sys.stdin, "standard input")
    try:
        lines = source.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise WrongUsage(f"--owners-from: {source}: is not UTF-8 text") from None
    except OSError as error:
        raise WrongUsage(
            f"--owners-from: {source}: cannot be read: {error.strerror or error}"
        ) from None
    return read_owners(lines, str(source))
