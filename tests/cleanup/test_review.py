"""Plans as text, Markdown and HTML: groups with the versions to delete and to keep."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ghpkg_async.cleanup import Plan, PlanHeader
from ghpkg_async.cleanup._records import PackagePlan
from ghpkg_async.cleanup._review import Review, plan_markdown, render_plan

from .rig import NOW, App, digest, helper_tag, policy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ghpkg_async.cleanup._review import ReviewedGroup

POLICY = policy('name = "old"\ntags = ["pr-*"]\nall = true')


def plan_of(app: App, others: Sequence[PackagePlan] = ()) -> Plan:
    decision = app.decide(POLICY)
    header = PlanHeader(
        created_at=NOW,
        expires_at=NOW,
        base_url="https://api.github.com",
        registry_url="https://ghcr.io",
        owners=("acme",),
        policy=POLICY.to_dict(),
        policy_sha256=POLICY.sha256,
    )
    return Plan.of(header, [decision.package, *others], decision.deletions, decision.held)


def groups_of(plan: Plan) -> tuple[ReviewedGroup, ...]:
    (package,) = Review.of(plan).packages
    return package.groups


def shared() -> App:
    """Return images with shared parts: `pr-1` shares one with `pr-2`, another with `main`."""
    app = App().add("amd64").add("arm64").add("main", "main", parts=["arm64"])
    app.add("one", "pr-1", parts=["amd64", "arm64"])
    return app.add("two", "pr-2", "pr-two", parts=["amd64"])


def test_group_names_each_of_its_images() -> None:
    (group,) = groups_of(plan_of(shared()))
    assert group.names + group.others == "pr-2, pr-two; pr-1 and 1 version with them"
    assert group.reason == "rule 'old': all its tags match; created 2026-07-24"


def test_group_of_many_images_names_the_first() -> None:
    app = App().add("part").add("main", "main")
    for number in range(8):
        app.add(f"image{number}", f"pr-{number}", parts=["part"])
    (group,) = groups_of(plan_of(app))
    assert group.names == "pr-7; pr-6; pr-5; pr-4; pr-3; 3 more"


def test_part_that_stays_is_shown_with_its_image() -> None:
    plan = plan_of(shared())
    (group,) = groups_of(plan)
    assert [(each.version, each.image) for each in group.staying] == [
        (digest("arm64"), digest("one"))
    ]
    reason = "part of app:main, which stays"
    short = digest("arm64")[:19]
    assert f"  - Keep **{short.replace(':', chr(92) + ':')}...**: " in plan_markdown(plan)
    page = render_plan(plan)
    assert page.index(reason) < page.index("Held <b>")


def test_part_of_a_dropped_group_is_held_only() -> None:
    plan = plan_of(shared().add("three", "pr-3"))
    smaller = plan.without(digest("two"))
    (group,) = groups_of(smaller)
    assert group.staying == ()
    assert len(smaller.held) == 1


def test_packages_of_which_nothing_is_deleted_are_counted() -> None:
    others = [
        PackagePlan(owner="acme", package_type="npm", name=f"lib{number}", kept=3)
        for number in range(2)
    ]
    failed = PackagePlan(
        owner="acme", package_type="npm", name="gone", complete=False, reason="503"
    )
    plan = plan_of(shared(), [*others, failed])
    review = Review.of(plan)
    assert [package.label for package in review.packages] == ["acme/container/app", "acme/npm/gone"]
    assert [package.label for package in review.unchanged] == ["acme/npm/lib0", "acme/npm/lib1"]
    text = plan_markdown(plan)
    assert "Nothing is deleted of 2 other packages." in text
    assert "lib0" not in text
    assert "Nothing is deleted of 2 other packages" in render_plan(plan)


def test_helper_tags_are_shortened() -> None:
    app = App().add("app", "pr-1").add("main", "main").add("sig", helper_tag("app", ".sig"))
    page = render_plan(plan_of(app))
    assert f"{helper_tag('app')[:19]}....sig" in page
    assert helper_tag("app") not in page


def test_page_of_a_large_package_shows_its_first_groups() -> None:
    app = App().add("main", "main")
    for number in range(5000):
        app.add(f"image{number}", f"pr-{number}")
    plan = plan_of(app)
    page = render_plan(plan)
    assert page.count("<details>") == 50
    assert "4,950 more groups in the plan" in page
    assert len(page) < 100_000
    assert len(plan_markdown(plan)) < 20_000
