"""Plans, and results of applying and undoing them, as Markdown and as an HTML page. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from .._text import counted, markdown
from ..audit._wording import moment
from ._recheck import short_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ._apply_result import ApplyResult, BrokenImage
    from ._journal import Intent
    from ._plan_file import Plan
    from ._records import Deletion, Held, PackageKey, PackagePlan
    from ._undo import UndoResult

__all__ = [
    "GROUPS_SHOWN",
    "Review",
    "ReviewedGroup",
    "ReviewedPackage",
    "apply_markdown",
    "image_name",
    "plan_line",
    "plan_markdown",
    "render_plan",
    "undo_markdown",
]

GROUPS_SHOWN: Final = 50
"""Groups, and held versions, of one package that are shown; the plan has all."""
IMAGES_NAMED: Final = 5
"""Images of one group that its summary names."""


@attrs.frozen
class ReviewedGroup:
    """Versions that are deleted together, and parts of them that stay.

    Attributes:
        deletions: versions to delete, the images first.
        staying: versions that are a part of one of the images, or about it, and stay.
    """

    deletions: tuple[Deletion, ...]
    staying: tuple[Held, ...]

    @property
    def images(self) -> tuple[Deletion, ...]:
        """The images among the deletions."""
        return tuple(deletion for deletion in self.deletions if deletion.role == "root")

    @property
    def names(self) -> str:
        """Tags or else digest of each image."""
        names = [image_name(image) for image in self.images]
        more = len(names) - IMAGES_NAMED
        return "; ".join(names[:IMAGES_NAMED]) + (f"; {more:,} more" if more > 0 else "")

    @property
    def others(self) -> str:
        """Number of the other deletions, to be read after the names: ``and 4 versions with it``."""
        others = len(self.deletions) - len(self.images)
        pronoun = "it" if len(self.images) == 1 else "them"
        return f" and {counted(others, 'version')} with {pronoun}" if others else ""

    @property
    def reason(self) -> str:
        """Reason and time of creation of the first image."""
        image = self.deletions[0]
        return f"{image.reason}; created {image.created_at:%Y-%m-%d}"


@attrs.frozen
class ReviewedPackage:
    """One package of a plan.

    Attributes:
        plan: its counts.
        groups: its deletions.
        held: versions that a rule selects and something else keeps.
    """

    plan: PackagePlan
    groups: tuple[ReviewedGroup, ...]
    held: tuple[Held, ...]

    @property
    def label(self) -> str:
        """Owner, type and name."""
        return "/".join(self.plan.key)

    @property
    def images(self) -> int:
        """Number of images to delete."""
        return sum(len(group.images) for group in self.groups)


@attrs.frozen
class Review:
    """Packages of a plan, in its order.

    Attributes:
        packages: packages with deletions or held versions, and those that could not be read.
        unchanged: the others.
    """

    packages: tuple[ReviewedPackage, ...]
    unchanged: tuple[ReviewedPackage, ...]

    @classmethod
    def of(cls, plan: Plan) -> Review:
        """Return the packages of a plan with their groups."""
        held: dict[PackageKey, list[Held]] = {}
        staying: dict[tuple[PackageKey, str], list[Held]] = {}
        for version in plan.held:
            held.setdefault(version.package, []).append(version)
            if version.image is not None:
                staying.setdefault((version.package, version.image), []).append(version)
        groups: dict[PackageKey, list[ReviewedGroup]] = {}
        for group in plan.groups:
            stays = [
                version
                for deletion in group.deletions
                for version in staying.get((group.package, deletion.version), ())
            ]
            groups.setdefault(group.package, []).append(
                ReviewedGroup(group.deletions, tuple(stays))
            )
        packages = [
            ReviewedPackage(
                package, tuple(groups.get(package.key, ())), tuple(held.get(package.key, ()))
            )
            for package in plan.packages
        ]

        def is_changed(package: ReviewedPackage) -> bool:
            return bool(package.groups or package.held or not package.plan.complete)

        return cls(
            tuple(filter(is_changed, packages)),
            tuple(package for package in packages if not is_changed(package)),
        )


def image_name(version: Deletion | Held | Intent | BrokenImage) -> str:
    """Return the tags of a version, or else its name."""
    return ", ".join(map(short_name, version.tags or (version.version,)))


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
    review = Review.of(plan)
    for package in review.packages:
        counts = (package.images, package.plan.deletes, package.plan.kept, package.plan.held)
        cells = [markdown(package.label), *(f"{count:,}" for count in counts)]
        lines.append(f"| {' | '.join(cells)} |")
    if unchanged := len(review.unchanged):
        lines += ["", f"Nothing is deleted of {counted(unchanged, 'other package')}."]
    for package in review.packages:
        lines += _package_markdown(package)
    return "\n".join(lines) + "\n"


def _package_markdown(package: ReviewedPackage) -> Iterator[str]:
    yield from ("", f"### {markdown(package.label)}", "")
    if not package.plan.complete:
        yield f"**Left out:** {markdown(package.plan.reason or 'not complete')}."
        yield ""
    for group in package.groups[:GROUPS_SHOWN]:
        yield f"- Delete **{markdown(group.names)}**{group.others}: {markdown(group.reason)}"
        for held in group.staying[:GROUPS_SHOWN]:
            yield f"  - Keep **{markdown(image_name(held))}**: {markdown(held.reason)}"
        yield from _more(len(group.staying), "held version", indent="  ")
    yield from _more(len(package.groups), "group")
    for held in package.held[:GROUPS_SHOWN]:
        yield f"- Keep **{markdown(image_name(held))}**: {markdown(held.reason)}"
    yield from _more(len(package.held), "held version")


def _more(count: int, noun: str, indent: str = "") -> Iterator[str]:
    if count > GROUPS_SHOWN:
        yield f"{indent}- ... and {counted(count - GROUPS_SHOWN, f'more {noun}')} in the plan"


def apply_markdown(plan: Plan, result: ApplyResult) -> str:
    """Render the result of applying a plan as Markdown."""
    versions = {deletion.id: deletion for deletion in plan.deletions}
    problems = [
        f"{image_name(versions[outcome.id])} ({outcome.status}): {outcome.message}"
        for outcome in result.outcomes.values()
        if outcome.status in ("refused", "failed", "stale")
    ]
    broken = [
        f"{'/'.join(image.package)}: {image_name(image)} lost "
        f"{', '.join(map(short_name, image.missing))}"
        for image in result.broken
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
        review=Review.of(plan),
        shown=GROUPS_SHOWN,
        short_name=short_name,
        image_name=image_name,
    )
