"""Random packages under random policies: no deletion breaks a version that stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from ghpkg_async.cleanup._graph import is_helper_tag
from tests.support.examples import examples

from .rig import IMAGE, INDEX, NOW, App, digest, helper_tag, policy

if TYPE_CHECKING:
    from collections.abc import Collection

    from ghpkg_async.cleanup._decide import Decision
    from ghpkg_async.cleanup._policy import Policy
    from ghpkg_async.cleanup._records import Deletion

TAGS = ("pr-1", "pr-2", "pr-3", "main", "v1", "v2-rc", "latest")
PATTERNS = ("pr-*", "*", "main", "v*", "re:pr-[12]", "latest")


@st.composite
def apps(draw: st.DrawFn) -> App:
    """Generate a package whose manifests refer to earlier, and sometimes later or absent ones."""
    app = App()
    count = draw(st.integers(0, 8))
    tags = draw(st.lists(st.sampled_from(TAGS), unique=True))
    for number in range(count):
        names = st.sampled_from([f"m{n}" for n in range(count)] + ["absent"])
        earlier = st.sampled_from([f"m{n}" for n in range(number)] or ["absent"])
        own = [tags.pop() for _ in range(draw(st.integers(0, 2))) if tags]
        if draw(st.integers(0, 4)) == 0:
            own.append(helper_tag(draw(names), draw(st.sampled_from(["", ".sig"]))))
        parts = draw(st.lists(earlier, max_size=3)) if draw(st.booleans()) else []
        # An index declares a part to be an image only if the part refers to nothing: such parts
        # are not read while the index stays.
        manifests = [app.manifests.get(digest(part)) for part in parts]
        leaves = not any(each and (each.children or each.mentions) for each in manifests)
        app.add(
            f"m{number}",
            *own,
            parts=parts,
            subject=draw(st.none() | names),
            mentions=draw(st.lists(names, max_size=2)) if draw(st.booleans()) else (),
            age=draw(st.integers(0, 30)),
            part_type=draw(st.sampled_from([IMAGE, INDEX])) if leaves else INDEX,
            media_type=draw(st.sampled_from([None, None, None, "text/odd"])),
        )
        if draw(st.integers(0, 9)) == 0:
            app.missing.add(f"m{number}")
    return app


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    rules = []
    for number in range(draw(st.integers(1, 3))):
        lines = [f'name = "rule {number}"']
        if draw(st.booleans()):
            patterns = draw(st.lists(st.sampled_from(PATTERNS), min_size=1, max_size=3))
            lines += [f"tags = {patterns}", "all = true"]
            if draw(st.booleans()):
                lines.append(f'keep-tags = ["{draw(st.sampled_from(PATTERNS))}"]')
        else:
            lines.append(draw(st.sampled_from(["untagged = true", "orphaned = true"])))
        if draw(st.booleans()):
            lines.append(f'older-than = "{draw(st.integers(0, 20))}d"')
        if draw(st.booleans()):
            lines.append(f"keep-newest = {draw(st.integers(0, 3))}")
        rules.append("\n".join(lines))
    guard = f'min-age = "{draw(st.integers(0, 5))}d"\n'
    guard += f"protect-tags = {draw(st.lists(st.sampled_from(TAGS), max_size=2))}\n"
    protected = draw(st.lists(st.integers(0, 7), max_size=1))
    guard += f"protect-digests = {[digest(f'm{n}') for n in protected]}"
    return policy("\n[[rule]]\n".join(rules), guard)


def check_nothing_breaks(app: App, deleted: Collection[str]) -> None:
    """Check that no version that stays loses a needed one or a referrer, and an image stays."""
    for version in app.versions:
        if version.name in app.names and app.names[version.name] in app.missing:
            assert version.name not in deleted
            continue
        manifest = app.manifests[version.name]
        needed = {*(child.digest for child in manifest.children), *manifest.mentions}
        subjects = {manifest.subject} | {
            tag[:71].replace("-", ":") for tag in version.tags if is_helper_tag(tag)
        }
        if version.name in deleted:
            listed = subjects & {other.name for other in app.versions}
            assert listed <= set(deleted), "something that stays loses its referrer"
        else:
            assert not needed & set(deleted), "something that stays loses what it needs"
    images = [version for version in app.versions if version.real_tags] or app.versions
    assert not deleted or any(version.name not in deleted for version in images)


def groups_of(decision: Decision) -> dict[str, list[Deletion]]:
    groups: dict[str, list[Deletion]] = {}
    for deletion in decision.deletions:
        groups.setdefault(deletion.group, []).append(deletion)
    return groups


@examples(150)
@given(apps(), policies(), st.data())
def test_no_kept_version_loses_a_version_it_needs(
    app: App, the_policy: Policy, data: st.DataObject
) -> None:
    """Check whole plans, and plans from which some groups were removed by hand."""
    groups = groups_of(app.decide(the_policy))
    dropped = data.draw(st.sets(st.sampled_from(sorted(groups)))) if groups else set()
    for chosen in (groups.keys(), groups.keys() - dropped):
        check_nothing_breaks(app, {each.version for name in chosen for each in groups[name]})


@examples(50)
@given(apps(), policies())
def test_every_version_has_one_decision_with_a_reason(app: App, the_policy: Policy) -> None:
    decision = app.decide(the_policy)
    explained = list(decision.explain())
    assert sorted(name for _, name, _, _ in explained) == sorted(app.names)
    assert all(reason for *_, reason in explained)
    counts = decision.package
    roots = sum(each.role == "root" for each in decision.deletions)
    assert counts.kept == counts.images - roots
    assert counts.deletes == len(decision.deletions)
    assert counts.held == len(decision.held)


@examples(50)
@given(apps(), policies())
def test_images_that_go_are_selected_and_all_else_follows_one(app: App, the_policy: Policy) -> None:
    for group in groups_of(app.decide(the_policy)).values():
        roles = [each.role for each in group]
        assert roles == sorted(roles, key=("root", "child", "referrer").index)
        assert roles[0] == "root"
        assert group[0].version == group[0].group
    guard = the_policy.guard
    for deletion in app.decide(the_policy).deletions:
        assert not any(map(guard.protect_tags.match, deletion.tags))
        assert deletion.version not in guard.protect_digests
        assert NOW - deletion.updated_at >= guard.min_age


@examples(50)
@given(apps(), policies(), st.data())
def test_order_of_listing_and_rules_has_no_effect(
    app: App, the_policy: Policy, data: st.DataObject
) -> None:
    expected = [(each.version, each.group) for each in app.decide(the_policy).deletions]
    app.versions = data.draw(st.permutations(app.versions))
    assert [(each.version, each.group) for each in app.decide(the_policy).deletions] == expected
    table = the_policy.to_dict()
    table["rule"].reverse()
    reversed_policy = type(the_policy).from_dict(table)
    deleted = {each.version for each in app.decide(reversed_policy).deletions}
    assert deleted == {version for version, _ in expected}
