"""`ghpkg audit`: list the packages of many owners; write, compare and check them."""

import asyncio
from collections.abc import Sequence
from contextlib import ExitStack, aclosing
from pathlib import Path
from typing import Annotated, ClassVar, Final

from cyclopts import Parameter

from .. import PACKAGE_TYPES, GitHubPackages
from .._text import counted
from ..audit import (
    Audit,
    Rule,
)
from ..audit._findings import RULE_PATTERNS
from ..audit._outputs import SUFFIXES_WITH_HEADER, read_header, read_records
from .audit_arguments import (
    allowed_failures,
    check_possible,
    owners_of_shard,
    parse_owners,
    parse_package_types,
    parse_points,
    parse_rules,
)
from .audit_files import Files
from .audit_progress import Display
from .audit_results import Results
from .audit_sink import RecordSink
from .durations import parse_duration
from .failures import EXIT_DONE, EXIT_REFUSED, CommandExit, WrongUsage, translate_errors
from .options import DEFAULTS, Options
from .output import Output

FOUND: Final = 1
LONGEST_WAIT: Final = 7200.0
"""Seconds: an hour for the budget to reset, and a margin for a clock that is off."""
RETRIES: Final = 5
"""More than the client's default: a laptop that wakes up reconnects slowly."""

_SWITCH: Final = {"negative": (), "show_default": False}
_MANY: Final = {"negative": (), "show_default": False}


class Found(CommandExit):
    """A rule of --fail-on has findings."""

    status: ClassVar[int] = FOUND


class AuditIncomplete(CommandExit):
    """Some listings failed, or an output could not be written."""

    status: ClassVar[int] = EXIT_REFUSED


def audit(
    *owners: Annotated[
        str,
        Parameter(
            name="OWNER",
            help="An organization's name; user:NAME for a user; me for the token's user.",
        ),
    ],
    owners_from: Annotated[
        Path | None,
        Parameter(
            help="Owners from a file, one per line; # starts a comment; -: standard input.",
            allow_leading_hyphen=True,
        ),
    ] = None,
    type_: Annotated[
        list[str],
        Parameter(
            name="--type",
            help=f"Only this package type; repeatable: {', '.join(PACKAGE_TYPES)}. "
            "docker includes the Docker conflicts.",
            **_MANY,
        ),
    ] = [],  # noqa: B006  (never mutated; cyclopts reads the default)
    versions: Annotated[
        bool,
        Parameter(
            help="Summarize each package's versions: count, newest, oldest, tagged, untagged. "
            "At least one request per package.",
            **_SWITCH,
        ),
    ] = False,
    verify: Annotated[
        bool,
        Parameter(
            help="Repeat each listing until nothing can be missing, for collections that others "
            "change at the same time. Unchanged responses do not count against the hourly budget.",
            **_SWITCH,
        ),
    ] = False,
    output: Annotated[
        list[Path],
        Parameter(
            help="Write the records to FILE.jsonl, FILE.csv or FILE.parquet; repeatable. With "
            ".jsonl, the same command resumes an interrupted run.",
            **_MANY,
        ),
    ] = [],  # noqa: B006
    fresh: Annotated[
        bool,
        Parameter(
            help="Audit anew instead of resuming; the earlier FILE.jsonl stays until the new one "
            "is complete.",
            **_SWITCH,
        ),
    ] = False,
    max_age: Annotated[
        str,
        Parameter(help="Refuse a complete FILE.jsonl whose audit began longer ago: 90m, 20h, 7d."),
    ] = "20h",
    from_: Annotated[
        Path | None,
        Parameter(
            name="--from",
            help="Show, compare and report an earlier --output (.jsonl, .parquet); no OWNER, no "
            "requests.",
        ),
    ] = None,
    report: Annotated[
        Path | None, Parameter(help="Write a report for people, FILE.html or FILE.md.")
    ] = None,
    compare: Annotated[
        Path | None,
        Parameter(help="An earlier --output; show new, gone and changed packages since then."),
    ] = None,
    fail_on: Annotated[
        list[str],
        Parameter(
            help=f"Exit with 1 if there are findings; repeatable: {', '.join(RULE_PATTERNS)}. "
            "DAYS and N are thresholds: packages above them are found.",
            **_MANY,
        ),
    ] = [],  # noqa: B006
    allow_failure: Annotated[
        list[str],
        Parameter(
            help="Show the failures of this OWNER, but do not exit with 3 for them; repeatable.",
            **_MANY,
        ),
    ] = [],  # noqa: B006
    cache: Annotated[
        Path | None,
        Parameter(
            help="Keep ETags and responses in this file: unchanged listings do not count against "
            "the hourly budget."
        ),
    ] = None,
    max_wait: Annotated[
        float,
        Parameter(
            help="Longest wait for a rate limit, in seconds, 0 or more. Beyond it, the remaining "
            "listings fail; run the same command again to resume them."
        ),
    ] = LONGEST_WAIT,
    shard: Annotated[
        str | None,
        Parameter(help="Only the I-th of N shares of the owners, written I/N, for N machines."),
    ] = None,
    quiet: Annotated[
        bool,
        Parameter(help="No progress on standard error.", **_SWITCH),
    ] = False,
    points_per_minute: Annotated[
        str,
        Parameter(
            help="Points per minute of GitHub's secondary limit, one per request; none: no pacing, "
            "for servers without limits."
        ),
    ] = "900",
    options: Options = DEFAULTS,
) -> None:
    """Audit the packages of many organizations and users.

    If one owner fails, the others continue. Exit status 0: done; 1: --fail-on has findings;
    2: wrong usage; 3: some listings failed (this has precedence over 1, except with
    --fail-on unreachable). Results are kept in any case. With --from: 0 or 1, or 3 if the file is
    incomplete.

    Example: ghpkg audit acme octo-org --output audit.jsonl --fail-on public
    """
    rules = parse_rules(fail_on)
    age = parse_duration("--max-age", max_age)
    files = Files(output, report, compare, fresh=fresh, max_age=age)
    console = options.output()
    if from_ is not None:
        if owners or owners_from or type_ or versions or verify or shard or fresh or output:
            raise WrongUsage(
                "--from: takes no OWNER, --owners-from, --type, --versions, --verify, --shard, "
                "--fresh or --output: it shows an earlier audit unchanged"
            )
        _show_earlier(from_, rules, files, console)
        return
    if fresh and not output:
        raise WrongUsage("--fresh: needs --output FILE; without it, every audit is a new one")
    everyone = parse_owners(owners, owners_from)
    names = owners_of_shard(everyone, shard)
    allowed = allowed_failures(allow_failure, everyone)
    types = parse_package_types(type_)
    for rule in rules:
        check_possible(rule, types, versions=versions, has_baseline=compare is not None)
    client = options.client(
        points_per_minute=parse_points(points_per_minute),
        max_rate_limit_wait=max_wait,
        cache=cache,
        max_retries=RETRIES,
    )
    display = Display(console, client, quiet=quiet)
    if not names:
        display.note(f"None of these owners is in shard {shard}")
    with ExitStack() as stack:
        whole = client.audit(map(str, names), package_types=types, versions=versions)
        header = files.open(whole.header(), stack)
        remaining = client.audit(
            whole.owners,
            package_types=types,
            versions=versions,
            consistent=verify,
            skip=files.done,
            on_event=display.event,
        )
        if all(key.owner.lower() in allowed for key in remaining.listings):
            files.check_age()
        sink = RecordSink(header, rules, files, console, allowed)
        asyncio.run(_audit(client, remaining, sink, display))
    _end(sink.results, rules, files)


def _show_earlier(path: Path, rules: Sequence[Rule], files: Files, console: Output) -> None:
    """Show an earlier output in the form of the audit that wrote it."""
    with translate_errors("--from"):
        header = read_header(path) if path.suffix.lower() in SUFFIXES_WITH_HEADER else None
    if header is None:
        raise WrongUsage(
            f"--from: {path}: its name has to end in {' or '.join(SUFFIXES_WITH_HEADER)}; "
            "a CSV has no owners and options of the audit"
        )
    for rule in rules:
        check_possible(
            rule,
            header.package_types,
            versions=header.with_versions,
            has_baseline=files.compare is not None,
        )
    with ExitStack() as stack:
        files.open(header, stack)
    sink = RecordSink(header, rules, files, console)
    asyncio.run(_replay(path, sink))
    if missing := sink.results.unfinished():
        raise AuditIncomplete(
            f"{path} is incomplete: {len(missing):,} of its {len(header.listings):,} listings are "
            f"missing, {missing[0]} for example. The command that wrote a .jsonl resumes it"
        )
    _end(sink.results, rules, files, tolerates_failures=True)


async def _audit(client: GitHubPackages, audit: Audit, sink: RecordSink, display: Display) -> None:
    files = sink.files
    try:
        with display.shown(audit):
            display.report_resume(files.resumable)
            await sink.add_all(files.begin())
            async with client, aclosing(audit.batches()) as batches:
                async for batch in batches:
                    await sink.add(batch)
    except asyncio.CancelledError:
        display.note(f"Interrupted. {_how_to_resume(files)}")
        raise
    except BrokenPipeError:
        raise
    except OSError as error:
        # The disk is full, for example.
        raise AuditIncomplete(f"{error}. {_what_is_kept(files)}") from error
    await sink.finish(display.requests_line())


async def _replay(path: Path, sink: RecordSink) -> None:
    with translate_errors("--from"):
        await sink.add_all(read_records(path))
    await sink.finish(f"From {path}.")


def _end(
    results: Results, rules: Sequence[Rule], files: Files, *, tolerates_failures: bool = False
) -> None:
    """Raise for an exit status other than 0; its reasons were shown before."""
    status = exit_status(
        failures=results.failures,
        findings=results.found,
        tolerates_failures=tolerates_failures or any(rule.kind == "unreachable" for rule in rules),
    )
    resumable = results.failures and (files.resumable or files.earlier)
    again = f". {_how_to_resume(files)}" if resumable else ""
    if status == EXIT_REFUSED:
        raise AuditIncomplete(f"{counted(results.failures, 'failure')}: see above{again}")
    if status == FOUND:
        raise Found(f"--fail-on has findings: {results.found_line()}{again}")


def exit_status(*, failures: int, findings: int, tolerates_failures: bool) -> int:
    """Return the exit status of a finished audit.

    Failures outrank findings, since the failed listings may hide further findings. With
    ``--fail-on unreachable``, failures are findings themselves.

    Args:
        failures: number of failures.
        findings: number of findings of the rules of ``--fail-on``.
        tolerates_failures: whether failures leave the exit status to the findings.
    """
    if failures and not tolerates_failures:
        return EXIT_REFUSED
    return FOUND if findings else EXIT_DONE


def _how_to_resume(files: Files) -> str:
    """Return the advice for a run that is not complete."""
    earlier = files.earlier
    if files.resumable is None:
        advice = "An audit with --output FILE.jsonl can be resumed"
    else:
        path = files.resumable.path
        if files.fresh and files.is_placed:
            return f"Run the same command without --fresh to resume {path}"
        advice = f"Run the same command again to resume {path}"
        if files.fresh and path.exists():
            earlier = [path, *earlier]
    return "; ".join([advice, *(f"{path} is still the earlier audit" for path in earlier)])


def _what_is_kept(files: Files) -> str:
    """Return the state of the outputs after one could not be written."""
    kept = (
        "The records written so far are kept"
        if files.resumable is not None
        else "No table is written"
    )
    return f"{kept}. {_how_to_resume(files)}"
