"""`ghpkg cleanup apply`: delete the versions of a plan."""

import asyncio
import shlex
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import attrs
from cyclopts import Parameter

from .._text import counted
from ..audit._wording import moment
from ..cleanup import ApplyResult, MaxDeletes, Plan
from ..cleanup import apply as apply_plan
from ..cleanup._journal import APPLY_CODEC, ApplyEnd, Outcome, OutcomeStatus, journal_of
from ..cleanup._recheck import short_name
from ..cleanup._review import apply_markdown, image_name, plan_line
from .cleanup_options import (
    LONGEST_WAIT,
    Check,
    ManifestCache,
    PlanFile,
    RegistryUrl,
    Unfinished,
    Yes,
    cache_file,
    confirm,
    load_plan,
)
from .cleanup_printing import (
    by_status,
    counts_text,
    noted_interruption,
    pass_on,
    progress_bar,
    show_lines,
    write_line,
)
from .durations import parse_duration
from .failures import WrongUsage
from .options import DEFAULTS, Options
from .output import Output

__all__ = ["apply"]


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
    loaded = load_plan(plan)
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
        confirm(len(loaded.deletions), "delete")
    file = cache_file(cache, console)
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
    with progress_bar(console, len(arguments.plan.deletions), "Deleting") as advance:

        def report(outcome: Outcome) -> None:
            advance()
            if console.json:
                write_line(APPLY_CODEC.encode(outcome))

        with noted_interruption(console):
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


def _show_applied(
    plan: Plan, result: ApplyResult, journal: Path, console: Output, *, check: bool
) -> None:
    if console.json and not check:
        write_line(APPLY_CODEC.encode(_end_of(result)))
    names = {deletion.id: deletion for deletion in plan.deletions}
    problems = [
        f"{outcome.status}: {image_name(names[outcome.id])}: {outcome.message}"
        for outcome in result.outcomes.values()
        if outcome.status in ("stale", "failed", "refused")
    ]
    show_lines(problems, console)
    for broken in result.broken:
        lost = ", ".join(map(short_name, broken.missing))
        console.note(f"BROKEN: {'/'.join(broken.package)} {image_name(broken)} lost {lost}")
    for key, error in result.unverified.items():
        console.note(f"Not verified: {'/'.join(key)}: {error}")
    counts = counts_text(result.counts)
    if check:
        would = f"{counted(len(result.to_delete), 'version')} would be deleted"
        console.note(f"{would}; {counts or 'no change since the plan'}")
    else:
        console.note(f"{counts}.")
        outcomes = result.outcomes.values()
        dates = [date for outcome in outcomes if (date := outcome.restorable_until) is not None]
        if dates:
            command = shlex.join(("ghpkg", "cleanup", "undo", str(journal)))
            console.note(f"Until {moment(min(dates))}, this restores them: {command}")
        pass_on(apply_markdown(plan, result), by_status(OutcomeStatus, result.counts), console)
    if not result.complete:
        raise Unfinished("Some versions were not deleted or not verified: see above")


def _end_of(result: ApplyResult) -> ApplyEnd:
    last = max(outcome.at for outcome in result.outcomes.values())
    return ApplyEnd(at=last, counts=dict(result.counts))
