"""`ghpkg cleanup`: plan, review, apply and undo deletions of old versions."""

import asyncio
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal, TypeAlias, get_args

import attrs
from cyclopts import App, Parameter
from platformdirs import user_cache_path
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from .._files import AtomicFile
from .._text import counted, printable
from ..audit._wording import moment
from ..cleanup import ApplyResult, Decision, MaxDeletes, Plan, Policy, UndoResult
from ..cleanup import apply as apply_plan
from ..cleanup import plan as make_plan
from ..cleanup import undo as undo_deletions
from ..cleanup._journal import (
    APPLY_CODEC,
    UNDO_CODEC,
    ApplyEnd,
    Outcome,
    OutcomeStatus,
    RestoreOutcome,
    RestoreStatus,
    journal_of,
)
from ..cleanup._recheck import short_name
from ..cleanup._records import PLAN_CODEC, PackageKey
from ..cleanup._review import (
    GROUPS_SHOWN,
    Review,
    ReviewedPackage,
    apply_markdown,
    image_name,
    plan_line,
    plan_markdown,
    render_plan,
    undo_markdown,
)
from .audit_files import is_markdown
from .durations import parse_duration
from .failures import EXIT_REFUSED, CommandExit, WrongUsage, translate_errors
from .github_actions import append_step_outputs, append_step_summary
from .options import DEFAULTS, Options
from .output import Output
from .tables import Column

__all__ = ["cleanup"]

LONGEST_WAIT: Final = 7200.0
"""Seconds that apply and undo wait for a rate limit: the hourly budget is worth it."""
LINES_SHOWN: Final = 20
FOUND: Final = 1

_SWITCH: Final = {"negative": (), "show_default": False}

PlanFile: TypeAlias = Annotated[Path, Parameter(name="PLAN", help="A plan, PLAN.jsonl.")]
RegistryUrl: TypeAlias = Annotated[
    str | None,
    Parameter(
        help="The container registry. Default: https://ghcr.io for api.github.com, "
        "https://containers.HOST for an Enterprise Server."
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
    Parameter(name=("--check", "--dry-run"), help="Change nothing, but do all else.", **_SWITCH),
]
Yes: TypeAlias = Annotated[
    bool, Parameter(help="Do not ask. Needed without a terminal.", **_SWITCH)
]

cleanup: Final = App(
    name="cleanup",
    help="Delete old versions by a policy: plan, review, apply, and undo for 30 days.",
    version_flags=[],
    help_format="markdown",
)


class Unfinished(CommandExit):
    """A part could not be deleted, restored or verified."""

    status: ClassVar[int] = EXIT_REFUSED


class FoundDeletions(CommandExit):
    """The plan deletes something, and `--fail-on deletions` was given."""

    status: ClassVar[int] = FOUND


@cleanup.command(version_flags=[])
def plan(
    policy: Annotated[Path, Parameter(name="POLICY", help="The policy, a TOML file.")],
    /,
    *owners: Annotated[
        str,
        Parameter(
            name="OWNER",
            help="An organization's name; user:NAME for a user; me for the token's user.",
        ),
    ],
    output: Annotated[Path, Parameter(help="The plan to write, PLAN.jsonl.")],
    explain: Annotated[
        str | None,
        Parameter(
            help="Show of every version of this package, OWNER/TYPE/NAME, why it goes or stays."
        ),
    ] = None,
    fail_on: Annotated[
        Literal["deletions"] | None,
        Parameter(help="deletions: exit with 1 if the plan deletes anything."),
    ] = None,
    registry_url: RegistryUrl = None,
    cache: ManifestCache = None,
    options: Options = DEFAULTS,
) -> None:
    """Plan deletions by a policy. Reads GitHub and the registry, and changes nothing.

    A package that cannot be read as a whole is left out, and the exit status is 3. The first plan
    downloads the manifests of tagged images, which counts for their statistics; they are cached.

    Example: ghpkg cleanup plan retention.toml acme --output plan.jsonl
    """
    if not owners:
        raise WrongUsage("OWNER: name at least one, like acme, user:octocat or me")
    key = None if explain is None else _package_key("--explain", explain)
    with translate_errors("POLICY", whole=True):
        loaded = Policy.from_file(policy)
    with translate_errors("--output"):
        AtomicFile(output).discard()  # Fails before hours of reading rather than after them.
    console = options.output()
    file = _cache_file(cache, console)
    explained: list[Decision] = []
    made = asyncio.run(
        _plan(owners, loaded, _PlanArguments(key, registry_url, file), options, console, explained)
    )
    made.save(output)
    if console.json:
        for record in made.records():
            _write_line(PLAN_CODEC.encode(record))
    else:
        show_plan(made, console)
        for decision in explained:
            _explain(decision, console)
    if key is not None and not explained:
        console.note(f"--explain: no rule applies to {explain}, or it is not there")
    command = shlex.join(("ghpkg", "cleanup", "apply", str(output)))
    console.note(f"Plan: {output}. To apply it: {command}")
    outputs = {
        "images": made.images,
        "deletes": len(made.deletions),
        "kept": made.kept,
        "held": len(made.held),
    }
    _pass_on(plan_markdown(made), outputs, console)
    if not made.complete:
        raise Unfinished("A package could not be read and is left out: see above")
    if fail_on and made.deletions:
        raise FoundDeletions(f"Found what --fail-on names: {plan_line(made)}")


@attrs.frozen
class _PlanArguments:
    explain: PackageKey | None
    registry_url: str | None
    cache: Path | None


async def _plan(
    owners: Sequence[str],
    policy: Policy,
    arguments: _PlanArguments,
    options: Options,
    console: Output,
    explained: list[Decision],
) -> Plan:
    """Make a plan; add the decision to explain to ``explained``."""
    with _progress(console, None, "Reading packages") as advance:

        def report(decision: Decision) -> None:
            advance()
            if decision.package.key == arguments.explain:
                explained.append(decision)

        async with options.client(max_rate_limit_wait=LONGEST_WAIT) as client:
            return await make_plan(
                client,
                owners,
                policy,
                registry_url=arguments.registry_url,
                cache=arguments.cache,
                on_package=report,
            )


def _explain(decision: Decision, console: Output) -> None:
    console.line("")
    console.line(f"{'/'.join(decision.package.key)}, every version:")
    for status, name, tags, reason in decision.explain():
        label = f"{short_name(name)} ({', '.join(tags)})" if tags else short_name(name)
        console.line(f"  {status} {label}: {reason}")


@cleanup.command(version_flags=[])
def review(
    plan: PlanFile,
    /,
    *,
    report: Annotated[
        Path | None, Parameter(help="Write the plan for people: FILE.html or FILE.md.")
    ] = None,
    drop: Annotated[
        list[str],
        Parameter(
            help="Leave this group out, by its name or the beginning of it; repeatable. "
            "Needs --output.",
            negative=(),
            show_default=False,
        ),
    ] = [],  # noqa: B006  (never changed; what cyclopts shows and takes)
    output: Annotated[
        Path | None, Parameter(help="Write the plan without the dropped groups.")
    ] = None,
    json: Annotated[bool, Parameter(help="Print the plan as JSON Lines.", **_SWITCH)] = False,
) -> None:
    """Show a plan by package and group. Sends nothing.

    Example: ghpkg cleanup review plan.jsonl --report plan.html
    """
    if bool(drop) != (output is not None):
        raise WrongUsage("--drop and --output: give both, or neither")
    reviewed = _load(plan)
    for group in drop:
        with translate_errors("--drop", whole=True):
            reviewed = reviewed.without(group)
    if output is not None:
        with translate_errors("--output"):
            reviewed.save(output)
    if report is not None:
        _write_report(report, reviewed)
    console = Output(json=json)
    if json:
        for record in reviewed.records():
            _write_line(PLAN_CODEC.encode(record))
    else:
        show_plan(reviewed, console)


@cleanup.command(version_flags=[])
def apply(
    plan: PlanFile,
    /,
    *,
    journal: Annotated[
        Path | None,
        Parameter(help="File of the deletions. Default: PLAN.journal.jsonl beside the plan."),
    ] = None,
    check: Check = False,
    yes: Yes = False,
    max_deletes: Annotated[
        str | None,
        Parameter(
            help="Most deletions, instead of the policy's: a number of versions, or N% of "
            "a package's images."
        ),
    ] = None,
    max_plan_age: Annotated[
        str | None, Parameter(help="Refuse an older plan, even if it has not expired: 90m, 24h.")
    ] = None,
    registry_url: RegistryUrl = None,
    cache: ManifestCache = None,
    options: Options = DEFAULTS,
) -> None:
    """Delete the versions of a plan; the same command resumes.

    Each package is compared with the plan first, and a group that changed is not deleted. Keep the
    journal for 30 days: `ghpkg cleanup undo` restores from it.

    Example: ghpkg cleanup apply plan.jsonl
    """
    loaded = _load(plan)
    limits = None
    if max_deletes is not None:
        try:
            limits = MaxDeletes.parse(int(max_deletes) if max_deletes.isdigit() else max_deletes)
        except ValueError as error:
            raise WrongUsage(f"--max-deletes: {error}") from None
    if over := loaded.over_limit(limits):
        raise WrongUsage(
            f"{plan}: {over}. Raise --max-deletes, or drop groups: ghpkg cleanup review"
        )
    path = journal or journal_of(plan)
    age = None if max_plan_age is None else parse_duration("--max-plan-age", max_plan_age)
    console = options.output()
    console.note(f"{plan_line(loaded)}. Registry: {loaded.header.registry_url}")
    if not (check or yes):
        _confirm(len(loaded.deletions), "delete")
    file = _cache_file(cache, console)
    arguments = _ApplyArguments(loaded, path, check, limits, age, registry_url, file)
    result = asyncio.run(_apply(arguments, options, console))
    _show_applied(loaded, result, path, console, check=check)


@attrs.frozen
class _ApplyArguments:
    plan: Plan
    journal: Path
    check: bool
    max_deletes: MaxDeletes | None
    max_plan_age: timedelta | None
    registry_url: str | None
    cache: Path | None


async def _apply(arguments: _ApplyArguments, options: Options, console: Output) -> ApplyResult:
    with _progress(console, len(arguments.plan.deletions), "Deleting") as advance:

        def report(outcome: Outcome) -> None:
            advance()
            if console.json:
                _write_line(APPLY_CODEC.encode(outcome))

        try:
            async with options.client(max_rate_limit_wait=LONGEST_WAIT) as client:
                return await apply_plan(
                    client,
                    arguments.plan,
                    journal=arguments.journal,
                    check=arguments.check,
                    max_deletes=arguments.max_deletes,
                    max_plan_age=arguments.max_plan_age,
                    registry_url=arguments.registry_url,
                    cache=arguments.cache,
                    on_outcome=report,
                )
        except asyncio.CancelledError:
            console.note("Interrupted. Run the same command again to resume")
            raise


def _show_applied(
    plan: Plan, result: ApplyResult, journal: Path, console: Output, *, check: bool
) -> None:
    if console.json and not check:
        _write_line(APPLY_CODEC.encode(_end_of(result)))
    names = {deletion.id: deletion for deletion in plan.deletions}
    problems = [
        f"{outcome.status}: {image_name(names[outcome.id])}: {outcome.message}"
        for outcome in result.outcomes.values()
        if outcome.status in ("stale", "failed", "refused")
    ]
    _show_lines(problems, console)
    for broken in result.broken:
        lost = ", ".join(map(short_name, broken.missing))
        console.note(f"BROKEN: {'/'.join(broken.package)} {image_name(broken)} lost {lost}")
    for key, error in result.unverified.items():
        console.note(f"Not verified: {'/'.join(key)}: {error}")
    counts = ", ".join(f"{count:,} {status}" for status, count in sorted(result.counts.items()))
    if check:
        would = f"{counted(len(result.to_delete), 'version')} would be deleted"
        console.note(f"{would}; {counts or 'no change since the plan'}")
    else:
        console.note(f"{counts}.")
        dates = [
            each.restorable_until for each in result.outcomes.values() if each.restorable_until
        ]
        if dates:
            command = shlex.join(("ghpkg", "cleanup", "undo", str(journal)))
            console.note(f"Until {moment(min(dates))}, this restores them: {command}")
        _pass_on(apply_markdown(plan, result), _by_status(OutcomeStatus, result.counts), console)
    if not result.complete:
        raise Unfinished("A part was not deleted or not verified: see above")


def _end_of(result: ApplyResult) -> ApplyEnd:
    last = max(outcome.at for outcome in result.outcomes.values())
    return ApplyEnd(at=last, counts=dict(result.counts))


@cleanup.command(version_flags=[])
def undo(
    journal: Annotated[Path, Parameter(name="JOURNAL", help="PLAN.journal.jsonl of `apply`.")],
    /,
    *,
    group: Annotated[
        str | None, Parameter(help="Only this group: its name, or the beginning of it.")
    ] = None,
    package: Annotated[str | None, Parameter(help="Only this package: OWNER/TYPE/NAME.")] = None,
    check: Check = False,
    yes: Yes = False,
    registry_url: RegistryUrl = None,
    options: Options = DEFAULTS,
) -> None:
    """Restore the deletions of a journal, within 30 days; the same command resumes.

    Parts of an image are restored before the image. GitHub does not document that it sets tags
    again: a missing one is shown with the command that sets it.

    Example: ghpkg cleanup undo plan.journal.jsonl --check
    """
    key = None if package is None else _package_key("--package", package)
    arguments = _UndoArguments(journal, group, key, registry_url)
    console = options.output()
    if not (check or yes):
        _require_terminal("restore")
        found = asyncio.run(_undo(arguments, options, console, check=True))
        _confirm(len(found.to_restore), "restore")
    result = asyncio.run(_undo(arguments, options, console, check=check))
    _show_undone(result, console, check=check)


@attrs.frozen
class _UndoArguments:
    journal: Path
    group: str | None
    package: PackageKey | None
    registry_url: str | None


async def _undo(
    arguments: _UndoArguments, options: Options, console: Output, *, check: bool
) -> UndoResult:
    def report(outcome: RestoreOutcome) -> None:
        if console.json and not check:
            _write_line(UNDO_CODEC.encode(outcome))

    try:
        async with options.client(max_rate_limit_wait=LONGEST_WAIT) as client:
            return await undo_deletions(
                client,
                arguments.journal,
                check=check,
                group=arguments.group,
                package=arguments.package,
                registry_url=arguments.registry_url,
                on_outcome=report,
            )
    except asyncio.CancelledError:
        console.note("Interrupted. Run the same command again to resume")
        raise


def _show_undone(result: UndoResult, console: Output, *, check: bool) -> None:
    names = {intent.id: image_name(intent) for intent in result.intents}
    problems = [
        f"{outcome.status}: {names[outcome.id]}: {outcome.message}"
        for outcome in result.outcomes.values()
        if outcome.message is not None
    ]
    _show_lines(problems, console)
    for command in result.retag:
        console.note(f"To set the tag again: {command}")
    counts = ", ".join(f"{count:,} {status}" for status, count in sorted(result.counts.items()))
    if check:
        until = min((intent.restorable_until for intent in result.to_restore), default=None)
        deadline = f", the first until {moment(until)}" if until else ""
        console.note(
            f"{counted(len(result.to_restore), 'version')} would be restored{deadline}; "
            f"{counts or 'none is in the way'}"
        )
    else:
        console.note(f"{counts or 'Nothing to restore'}. Journal: {result.journal}")
        _pass_on(undo_markdown(result), _by_status(RestoreStatus, result.counts), console)
    if not result.complete:
        raise Unfinished("A part is not restored, or not with its tags: see above")


def _package_key(option: str, text: str) -> PackageKey:
    owner, _, rest = text.partition("/")
    package_type, _, name = rest.partition("/")
    if not name:
        raise WrongUsage(f"{option}: {text!r} is not OWNER/TYPE/NAME, like acme/container/team/app")
    return owner, package_type, name


def _load(path: Path) -> Plan:
    with translate_errors("PLAN", whole=True):
        return Plan.load(path)


def show_plan(plan: Plan, console: Output, *, groups_shown: int = GROUPS_SHOWN) -> None:
    """Show a plan: a table of packages, then a number of groups of each."""
    review = Review.of(plan)
    columns: Sequence[Column[ReviewedPackage]] = (
        Column("PACKAGE", lambda each: each.label),
        Column("IMAGES", lambda each: f"{each.images:,}", justify="right"),
        Column("VERSIONS", lambda each: f"{each.plan.deletes:,}", justify="right"),
        Column("KEPT", lambda each: f"{each.plan.kept:,}", justify="right"),
        Column("HELD", lambda each: f"{each.plan.held:,}", justify="right"),
    )
    console.table(review.packages, columns)
    if review.unchanged:
        console.line(f"Nothing is deleted of {counted(len(review.unchanged), 'other package')}.")
    for package in review.packages:
        console.line("")
        console.line(f"{package.label}:")
        if not package.plan.complete:
            console.line(f"  left out: {package.plan.reason}")
        for group in package.groups[:groups_shown]:
            console.line(f"  delete {group.names}{group.others}: {group.reason}")
        _and_more(len(package.groups) - groups_shown, console)
        for held in package.held[:groups_shown]:
            console.line(f"  hold {image_name(held)}: {held.reason}")
        _and_more(len(package.held) - groups_shown, console)
    console.line("")
    console.line(f"{plan_line(plan)}. Deleting takes {plan.duration} at least.")
    console.line(f"Registry: {plan.header.registry_url}. Expires {moment(plan.header.expires_at)}.")
    if over := plan.over_limit():
        console.line(f"Over its limit, so apply refuses it: {over}")


def _and_more(count: int, console: Output) -> None:
    if count > 0:
        console.line(f"  ... and {count:,} more in the plan")


def _show_lines(lines: Sequence[str], console: Output) -> None:
    for line in lines[:LINES_SHOWN]:
        console.note(line)
    if len(lines) > LINES_SHOWN:
        console.note(f"... and {len(lines) - LINES_SHOWN:,} more in the journal")


def _write_report(path: Path, plan: Plan) -> None:
    if path.suffix.lower() not in (".html", ".htm", ".md"):
        raise WrongUsage(f"--report: {path}: its name has to end in .html or .md")
    try:
        text = plan_markdown(plan) if is_markdown(path) else render_plan(plan)
    except ImportError:
        raise WrongUsage('--report: needs an extra: pip install "ghpkg-async[report]"') from None
    with translate_errors("--report"):
        file = AtomicFile(path)
    with file.discard_on_error():
        file.file.write(text.encode())
    file.commit()


def _by_status(statuses: object, counts: Mapping[Any, int]) -> dict[str, int]:
    """Return the number of versions of each status, also of those that none has."""
    return {status: counts.get(status, 0) for status in get_args(statuses)}


def _pass_on(summary: str, outputs: Mapping[str, int], console: Output) -> None:
    """Append a summary and outputs to the files of the job, inside GitHub Actions."""
    for problem in (append_step_summary(summary), append_step_outputs(outputs)):
        if problem is not None:
            console.note(problem)


def _cache_file(typed: str | None, console: Output) -> Path | None:
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


def _require_terminal(verb: str) -> None:
    if not all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr)):
        raise WrongUsage(f"There is no terminal to confirm on. To {verb} without one: --yes")


def _confirm(number: int, verb: str) -> None:
    """Continue if the number of versions is typed.

    Raises:
        WrongUsage: anything else was typed, or there is no terminal.
    """
    _require_terminal(verb)
    if not number:
        return
    question = f"Type {number} to {verb} {counted(number, 'version')}: "
    sys.stderr.write(printable(question))
    sys.stderr.flush()
    if sys.stdin.readline().strip() != str(number):
        raise WrongUsage(f"Not confirmed: nothing was {verb}d")


@contextmanager
def _progress(console: Output, total: int | None, label: str) -> Iterator[Callable[[], None]]:
    """Show a bar with the time left on standard error; yield the function that advances it."""
    if not console.shows_progress:
        yield lambda: None
        return
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console.progress,
    )
    with bar:
        task = bar.add_task(label, total=total)
        yield lambda: bar.advance(task)


def _write_line(line: bytes) -> None:
    with suppress(ValueError):
        sys.stdout.buffer.write(line)
        sys.stdout.flush()
