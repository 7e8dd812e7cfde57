"""`ghpkg cleanup undo`: restore the deletions of a journal."""

import asyncio
from pathlib import Path
from typing import Annotated

import attrs
from cyclopts import Parameter

from .._text import counted
from ..audit._wording import moment
from ..cleanup import UndoResult
from ..cleanup import undo as undo_deletions
from ..cleanup._journal import UNDO_CODEC, RestoreOutcome, RestoreStatus
from ..cleanup._records import PackageKey
from ..cleanup._review import image_name, undo_markdown
from .cleanup_options import (
    LONGEST_WAIT,
    Check,
    RegistryUrl,
    Unfinished,
    Yes,
    confirm,
    package_key,
    require_terminal,
)
from .cleanup_printing import (
    by_status,
    counts_text,
    noted_interruption,
    pass_on,
    show_lines,
    write_line,
)
from .options import DEFAULTS, Options
from .output import Output

__all__ = ["undo"]


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
    key = None if package is None else package_key("--package", package)
    arguments = _UndoArguments(journal, group, key, registry_url)
    console = options.output()
    if not (check or yes):
        require_terminal("restore")
        preview = asyncio.run(_undo(arguments, options, console, check=True))
        confirm(len(preview.to_restore), "restore")
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
            write_line(UNDO_CODEC.encode(outcome))

    with noted_interruption(console):
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


def _show_undone(result: UndoResult, console: Output, *, check: bool) -> None:
    names = {intent.id: image_name(intent) for intent in result.intents}
    problems = [
        f"{outcome.status}: {names[outcome.id]}: {outcome.message}"
        for outcome in result.outcomes.values()
        if outcome.message is not None
    ]
    show_lines(problems, console)
    for command in result.retag:
        console.note(f"To set the tag again: {command}")
    counts = counts_text(result.counts)
    if check:
        until = min((intent.restorable_until for intent in result.to_restore), default=None)
        deadline = f", the first until {moment(until)}" if until else ""
        console.note(
            f"{counted(len(result.to_restore), 'version')} would be restored{deadline}; "
            f"{counts or 'none is in the way'}"
        )
    else:
        console.note(f"{counts or 'Nothing to restore'}. Journal: {result.journal}")
        pass_on(undo_markdown(result), by_status(RestoreStatus, result.counts), console)
    if not result.complete:
        raise Unfinished("A part is not restored, or not with its tags: see above")
