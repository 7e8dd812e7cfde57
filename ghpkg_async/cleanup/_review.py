"""Plans, and results of applying and undoing them, as Markdown and as an HTML page. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from .._text import counted, markdown
from ..audit._wording import moment
from ._recheck import short_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ._apply import ApplyResult
    from ._journal import Intent
    from ._plan_file import Plan
    from ._records import Deletion, Group, Held, PackageKey, PackagePlan
    from ._undo import UndoResult

__all__ = [
    "GROUPS_SHOWN",
    "ReviewedPackage",
    "apply_markdown",
    "image_name",
    "plan_line",
    "plan_markdown",
    "render_plan",
    "reviewed_packages",
    "undo_markdown",
]

GROUPS_SHOWN: Final = 50
"""Groups, and held versions, of one package that are shown; the plan has all."""


@attrs.frozen
class ReviewedPackage:
    """One package of a plan.

    Attributes:
        plan: its counts.
        groups: its deletions.
        held: versions that a rule selects and something else keeps.
    """

    plan: PackagePlan
    groups: tuple[Group, ...]
    held: tuple[Held, ...]

    @property
    def label(self) -> str:
        """Owner, type and name."""
        return "/".join(self.plan.key)

    @property
    def images(self) -> int:
        """Number of images to delete."""
        return sum(each.role == "root" for group in self.groups for each in group.deletions)


def reviewed_packages(plan: Plan) -> list[ReviewedPackage]:
    """Return the packages of a plan with their groups, in the plan's order."""
    groups: dict[PackageKey, list[Group]] = {}
    for group in plan.groups:
        groups.setdefault(group.package, []).append(group)
    held: dict[PackageKey, list[Held]] = {}
    for version in plan.held:
        held.setdefault(version.package, []).append(version)
    return [
        ReviewedPackage(
            package, tuple(groups.get(package.key, ())), tuple(held.get(package.key, ()))
        )
        for package in plan.packages
    ]


def image_name(version: Deletion | Held | Intent) -> str:
    """Return the tags of a version, or else its name."""
    return ", ".join(version.tags) or short_name(version.version)


def plan_line(plan: Plan) -> str:
    """Return the totals: ``12 images (57 versions) to delete, 340 kept, 4 held``."""
    deletes = f"{counted(plan.images, 'image')} ({counted(len(plan.deletions), 'version')})"
    return f"{deletes} to delete, {plan.kept:,} kept, {len(plan.held):,} held"


def plan_markdown(plan: Plan) -> str:
    """Render a plan as Markdown, for a job's summary or a file."""
    over = plan.over_limit()
    lines = [
        "## Cleanup plan",
        "",
        f"{plan_line(plan)}.",
        "",
        f"Made {moment(plan.header.created_at)} with {markdown(plan.header.base_url)} and "
        f"{markdown(plan.header.registry_url)}; expires {moment(plan.header.expires_at)}.",
        "",
        *([f"**Over its limit:** {markdown(over)}.", ""] if over else ()),
        "| Package | Images to delete | Versions | Images kept | Held |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    packages = reviewed_packages(plan)
    for package in packages:
        counts = (package.images, package.plan.deletes, package.plan.kept, package.plan.held)
        cells = [markdown(package.label), *(f"{count:,}" for count in counts)]
        lines.append(f"| {' | '.join(cells)} |")
    for package in packages:
        lines += _package_markdown(package)
    return "\n".join(lines) + "\n"


def _package_markdown(package: ReviewedPackage) -> Iterator[str]:
    if not (package.groups or package.held or not package.plan.complete):
        return
    yield from ("", f"### {markdown(package.label)}", "")
    if not package.plan.complete:
        yield f"**Left out:** {markdown(package.plan.reason or 'not complete')}."
        yield ""
    for group in package.groups[:GROUPS_SHOWN]:
        root, *parts = group.deletions
        also = f" and {counted(len(parts), 'version')} with it" if parts else ""
        yield f"- Delete **{markdown(image_name(root))}**{also}: {markdown(root.reason)}"
    yield from _more(len(package.groups), "group")
    for held in package.held[:GROUPS_SHOWN]:
        yield f"- Keep **{markdown(image_name(held))}**: {markdown(held.reason)}"
    yield from _more(len(package.held), "held version")


def _more(count: int, noun: str) -> Iterator[str]:
    if count > GROUPS_SHOWN:
        yield f"- ... and {counted(count - GROUPS_SHOWN, f'more {noun}')} in the plan"


def apply_markdown(plan: Plan, result: ApplyResult) -> str:
    """Render the result of applying a plan as Markdown."""
    versions = {deletion.id: deletion for deletion in plan.deletions}
    problems = [
        f"{image_name(versions[outcome.id])} ({outcome.status}): {outcome.message}"
        for outcome in result.outcomes.values()
        if outcome.status in ("refused", "failed", "stale")
    ]
    broken = [
        f"{'/'.join(each.package)}: {', '.join(each.tags) or short_name(each.version)} lost "
        f"{', '.join(map(short_name, each.missing))}"
        for each in result.broken
    ]
    unverified = [f"{'/'.join(key)}: {error}" for key, error in result.unverified.items()]
    return _result_markdown(
        "Cleanup applied",
        result.counts.items(),
        [
            ("Not deleted", problems),
            ("Images that lost a part: undo now", broken),
            ("Could not be verified", unverified),
        ],
    )


def undo_markdown(result: UndoResult) -> str:
    """Render the result of undoing deletions as Markdown."""
    names = {intent.id: image_name(intent) for intent in result.intents}
    problems = [
        f"{names[outcome.id]} ({outcome.status}): {outcome.message}"
        for outcome in result.outcomes.values()
        if outcome.message is not None
    ]
    return _result_markdown(
        "Cleanup undone",
        result.counts.items(),
        [("Look at these", problems), ("Set these tags again", result.retag)],
    )


def _result_markdown(
    title: str,
    counts: Iterable[tuple[str, int]],
    sections: Iterable[tuple[str, Sequence[str]]],
) -> str:
    lines = [f"## {title}", "", "| Result | Versions |", "| --- | ---: |"]
    lines += [f"| {status} | {count:,} |" for status, count in sorted(counts)]
    for heading, texts in sections:
        if texts:
            lines += ["", f"### {heading}", ""]
            lines += [f"- {markdown(text)}" for text in texts[:GROUPS_SHOWN]]
            lines += _more(len(texts), "line")
    return "\n".join(lines) + "\n"


def render_plan(plan: Plan) -> str:
    """Render a plan as an HTML page: a tree for each group.

    Raises:
        ImportError: the extra ``report`` is not installed.
    """
    from ..audit._report.render import render_page

    return render_page(
        "plan.html.j2",
        plan=plan,
        line=plan_line(plan),
        over_limit=plan.over_limit(),
        packages=reviewed_packages(plan),
        shown=GROUPS_SHOWN,
        short_name=short_name,
        image_name=image_name,
    )
