"""Graph of images, parts and artifacts: no version that stays loses a version it needs."""

from __future__ import annotations

import time
import tracemalloc
from datetime import timedelta
from itertools import permutations

import pytest

from ghpkg_async import InvalidResponse
from ghpkg_async.cleanup._decide import decide_container
from ghpkg_async.cleanup._graph import ListedVersion, VersionGraph, is_helper_tag

from .rig import ALL, APP, IMAGE, INDEX, LAYER, NOW, UNTAGGED, App, digest, helper_tag, policy

PR = 'name = "pr"\ntags = ["pr-*"]\nall = true'
OLD = 'name = "old"\ntags = ["*"]\nolder-than = "50d"'


def test_parts_of_a_tagged_image_are_not_untagged_images() -> None:
    assert App().image("app", "v1").deleted(policy(UNTAGGED)) == []


def test_image_takes_its_parts_along_and_is_the_first_to_go() -> None:
    app = App().image("app", "pr-1").image("main", "main")
    deleted = app.deleted(policy(PR))
    assert deleted[0] == "app"
    assert set(deleted[1:]) == {"app/amd64", "app/arm64", "app/amd64-att", "app/arm64-att"}
    roles = [each.role for each in app.decide(policy(PR)).deletions]
    assert roles == ["root", "child", "child", "child", "child"]


def shared(*tags_of_part: str) -> App:
    app = App().add("arm64", *tags_of_part)
    for name in ("one", "two", "three"):
        app.add(f"{name}/amd64").add(name, name, parts=[f"{name}/amd64", "arm64"])
    return app


def test_shared_part_stays_until_the_last_image_that_has_it() -> None:
    app = shared()
    rule = 'name = "x"\ntags = ["{}"]\nall = true'
    assert app.deleted(policy(rule.format("one"))) == ["one", "one/amd64"]
    assert app.held(policy(rule.format("one"))) == {"arm64": "part of app:three, which stays"}
    two = policy(rule.format('one", "two'))
    assert set(app.deleted(two)) == {"one", "one/amd64", "two", "two/amd64"}
    app.add("other", "other")
    three = policy(rule.format('one", "two", "three'))
    assert set(app.deleted(three)) == {*app.names.values()} - {digest("other"), "other"}


def test_shared_part_with_a_tag_of_its_own_stays() -> None:
    three = policy('name = "x"\ntags = ["one", "two", "three"]\nall = true')
    assert "arm64" not in shared("arm").deleted(three)


@pytest.mark.parametrize("keep", ['older-than = "50d"', "keep-newest = 1"])
def test_parts_of_an_untagged_image_that_is_kept_stay(keep: str) -> None:
    app = App().image("old").image("young", age=10)
    deleted = app.deleted(policy(f"{UNTAGGED}\n{keep}"))
    assert len(deleted) == 5
    assert {name.split("/")[0] for name in deleted} == {"old"}


def nested() -> App:
    return (
        App()
        .add("leaf")
        .add("inner", parts=["leaf"])
        .add("middle", parts=["inner"], part_type=INDEX)
        .add("outer", "pr-1", parts=["middle"], part_type=INDEX)
        .add("main", "main")
    )


def test_nested_indexes_go_from_the_outside_to_the_inside() -> None:
    assert nested().deleted(policy(PR)) == ["outer", "middle", "inner", "leaf"]


def test_nested_indexes_stay_with_the_outermost() -> None:
    assert nested().deleted(policy(UNTAGGED)) == []


def test_inner_index_with_a_tag_stays_with_its_parts() -> None:
    app = (
        App()
        .add("leaf")
        .add("inner", "v1", parts=["leaf"])
        .add("outer", "pr-1", parts=["inner"], part_type=INDEX)
    )
    assert app.deleted(policy(PR)) == ["outer"]


def test_closure_of_forty_levels() -> None:
    app = App().add("level0").add("main", "main")
    for level in range(1, 41):
        tags = ["pr-1"] if level == 40 else []
        app.add(f"level{level}", *tags, parts=[f"level{level - 1}"], part_type=INDEX)
    assert app.deleted(policy(PR)) == [f"level{level}" for level in range(40, -1, -1)]


def test_parts_left_over_without_their_index_are_untagged_images() -> None:
    app = App().add("main", "main").add("amd64").add("arm64")
    app.add("amd64.sig", subject="amd64")
    assert set(app.deleted(policy(UNTAGGED))) == {"amd64", "arm64", "amd64.sig"}


def signed() -> App:
    app = App().image("app", "pr-1").image("other", "main")
    for suffix in (".sig", ".att", ".sbom"):
        app.add(f"app{suffix}", helper_tag("app", suffix))
    app.add("arm64.sig", helper_tag("app/arm64", ".sig"))
    app.add("bundle", subject="app")
    return app.add("fallback", helper_tag("app"), parts=["bundle"])


def test_signatures_go_last_with_their_image() -> None:
    deleted = signed().deleted(policy(PR))
    assert deleted[0] == "app"
    artifacts = {"app.sig", "app.att", "app.sbom", "arm64.sig", "bundle", "fallback"}
    assert set(deleted[-6:]) == artifacts
    assert len(deleted) == 11


def test_signatures_stay_with_their_image() -> None:
    for rules in (UNTAGGED, 'name = "x"\ntags = ["main"]\nall = true'):
        deleted = signed().deleted(policy(rules))
        assert not {name for name in deleted if not name.startswith("other")}


def test_signature_is_not_selected_by_its_tag() -> None:
    app = App().image("app", "v1").add("app.sig", helper_tag("app", ".sig"))
    assert app.deleted(policy('name = "x"\ntags = ["sha256-*"]\nall = true')) == []


def test_bundle_about_a_part_of_a_kept_image_stays() -> None:
    app = App().image("app", "v1").add("bundle", subject="app/arm64")
    assert app.deleted(policy(UNTAGGED)) == []


def chain() -> App:
    return (
        App()
        .image("app", "pr-1")
        .add("sbom", subject="app/arm64")
        .add("sbom.sig", helper_tag("sbom", ".sig"))
        .add("stamp", subject="sbom.sig")
        .add("main", "main")
    )


def test_chain_of_artifacts_is_kept_or_deleted_with_the_image() -> None:
    assert chain().deleted(policy(UNTAGGED)) == []
    assert {"sbom", "sbom.sig", "stamp"} < {*chain().deleted(policy(PR))}


def test_artifact_about_two_images_stays_with_either() -> None:
    app = App().add("one", "pr-1").add("two", "v2").add("both", helper_tag("two"), subject="one")
    assert app.deleted(policy(PR)) == ["one"]


def test_artifact_does_not_protect_its_subject() -> None:
    app = App().add("app", "pr-1").add("signature", "v1-signature", subject="app")
    decision = app.decide(policy(PR))
    assert [app.names[each.version] for each in decision.deletions] == ["app"]


@pytest.mark.parametrize(
    "orphan",
    [{"subject": "absent"}, {"tag": helper_tag("absent", ".sig")}],
    ids=["subject", "helper tag"],
)
def test_orphan_is_neither_untagged_nor_selected_by_tags(orphan: dict[str, str]) -> None:
    tags = [orphan["tag"]] if "tag" in orphan else []
    app = App().add("main", "main").add("orphan", *tags, subject=orphan.get("subject"))
    assert app.deleted(policy(f'{UNTAGGED}\n[[rule]]\n{ALL}\nkeep-tags = ["main"]')) == []
    kept = {app.names[version.name]: reason for version, reason in app.decide(policy(ALL)).kept}
    assert kept["orphan"] == "refers to a manifest that is no version of the package"


ORPHANED = 'name = "orphaned"\norphaned = true\nolder-than = "50d"'


def test_orphans_go_with_their_parts_by_a_rule_of_their_own() -> None:
    app = App().image("app", "v1").add("app.sig", helper_tag("app", ".sig")).add("plain")
    app.add("lost.sig", helper_tag("lost", ".sig")).add("young", subject="lost", age=9)
    app.add("bundle", subject="lost").add("fallback", helper_tag("lost"), parts=["bundle"])
    app.add("bundle.sig", subject="bundle")
    decision = app.decide(policy(ORPHANED))
    groups = [[app.names[each.version] for each in decision.deletions if each.group == digest(name)]
              for name in ("fallback", "lost.sig")]  # fmt: skip
    assert groups == [["fallback", "bundle", "bundle.sig"], ["lost.sig"]]
    assert len(decision.deletions) == 4
    assert decision.deletions[0].reason == (
        "rule 'orphaned': its subject is not in the package, older than 50d"
    )


def test_artifact_in_an_index_that_stays_is_no_orphan() -> None:
    app = App().add("bundle", subject="lost").add("list", "v1", parts=["bundle"])
    assert app.deleted(policy(ORPHANED)) == []


def test_orphan_with_a_tag_of_its_own_is_an_image() -> None:
    app = App().add("main", "main").add("artifact", "v1", subject="lost")
    assert app.deleted(policy(ORPHANED)) == []
    assert app.deleted(policy('name = "x"\ntags = ["v1"]\nall = true')) == ["artifact"]


def test_cycle_of_subjects_stays() -> None:
    app = App().add("main", "main").add("one", subject="two").add("two", subject="one")
    assert app.deleted(policy(UNTAGGED)) == []


def test_signature_with_helper_tag_and_subject_is_deleted_once() -> None:
    app = App().add("app", "pr-1").add("main", "main")
    app.add("signature", helper_tag("app", ".sig"), subject="app")
    assert app.deleted(policy(PR)) == ["app", "signature"]


@pytest.mark.parametrize(
    ("tag", "helper"),
    [
        ("sha256-" + "a" * 64, True),
        ("sha256-" + "a" * 64 + ".sig", True),
        ("sha256-" + "a" * 64 + ".tomorrow", True),
        ("sha256-" + "a" * 63, False),
        ("sha256-" + "a" * 65, False),
        ("sha256-" + "A" * 64, False),
        ("sha256-" + "a" * 64 + "abc", False),
        ("sha256-" + "a" * 64 + ".", False),
        ("sha256-foo", False),
        ("xsha256-" + "a" * 64, False),
    ],
)
def test_only_exact_helper_tags_are_helper_tags(tag: str, helper: bool) -> None:
    assert is_helper_tag(tag) is helper


def test_helper_tag_beside_an_ordinary_one_makes_no_signature() -> None:
    app = App().add("app", "v1").add("odd", helper_tag("app"), "latest").add("main", "main")
    assert app.deleted(policy('name = "x"\ntags = ["latest"]\nall = true')) == []
    held = app.held(policy('name = "x"\ntags = ["latest"]\nall = true'))
    assert held == {"odd": "refers to app:v1, which stays"}
    assert set(app.deleted(policy('name = "x"\ntags = ["v1", "latest"]\nall = true'))) == {
        "app",
        "odd",
    }


def test_build_cache_of_layers_is_whole() -> None:
    app = App().add("cache", "pr-cache", parts=["layer", "config"], part_type=LAYER)
    app.add("main", "main")
    assert app.decide(policy(PR)).package.broken == ()
    assert app.deleted(policy(PR)) == ["cache"]


def test_broken_index_is_reported_and_held() -> None:
    app = App().add("there").add("broken", "pr-1", parts=["there", "gone", "lost"])
    app.add("main", "main")
    assert app.decide(policy(PR)).package.broken == (digest("broken"),)
    assert app.held(policy(PR)) == {"broken": "broken: 2 manifests of the index not in the package"}
    assert app.deleted(policy(PR)) == []


def test_platform_tag_does_not_delete_a_part_of_a_kept_image() -> None:
    app = App().add("amd64", "v1-amd64").add("arm64", "v1-arm64")
    app.add("app", "v1", parts=["amd64", "arm64"])
    rule = policy('name = "x"\ntags = ["*-amd64"]\nall = true')
    assert app.deleted(rule) == []
    assert app.held(rule) == {"amd64": "part of app:v1, which stays"}


def test_part_is_held_under_the_tag_of_the_outermost_image() -> None:
    app = App().add("amd64", "v1-amd64").add("inner", parts=["amd64"])
    app.add("app", "v1", parts=["inner"], part_type=INDEX)
    rule = policy('name = "x"\ntags = ["*-amd64"]\nall = true')
    assert app.held(rule) == {"amd64": "part of app:v1, which stays"}


def test_digest_in_an_annotation_protects_and_takes_nothing_along() -> None:
    app = App().add("base").add("app", "v1", mentions=["base"])
    assert app.deleted(policy(UNTAGGED)) == []
    assert app.held(policy(UNTAGGED)) == {"base": "mentioned by app:v1, which stays"}
    app = App().add("base", "main").add("app", "pr-1", mentions=["base"])
    assert app.deleted(policy(PR)) == ["app"]


def test_manifest_that_mentions_another_is_deleted_before_it_in_one_group() -> None:
    app = App().add("app", mentions=["base"], age=100).add("base", age=1).add("main", "main")
    decision = app.decide(policy(UNTAGGED))
    assert [app.names[each.version] for each in decision.deletions] == ["app", "base"]
    assert {each.group for each in decision.deletions} == {digest("app")}


def test_unknown_media_type_is_never_selected_and_protects() -> None:
    app = App().add("base").add("odd", "pr-1", mentions=["base"], media_type="text/tomorrow")
    app.add("main", "main")
    both = policy(f"{PR}\n[[rule]]\n{UNTAGGED}")
    assert app.deleted(both) == []
    assert app.held(both)["odd"] == "its media type is unknown"


def test_missing_manifest_is_held_and_protects_nothing() -> None:
    app = App().image("one", "pr-1").image("two", "pr-2").add("main", "main")
    app.missing = {"one", "two/arm64"}
    decision = app.decide(policy(f"{PR}\n[[rule]]\n{UNTAGGED}"))
    deleted = {app.names[each.version] for each in decision.deletions}
    held = {app.names[each.version]: each.reason for each in decision.held}
    assert held == dict.fromkeys(["one", "two/arm64"], "the registry does not have its manifest")
    assert {"two", "two/amd64", "one/amd64"} <= deleted
    assert set(decision.package.missing) == {digest("one"), digest("two/arm64")}


def test_leaves_of_a_kept_index_are_not_read_and_those_to_delete_are() -> None:
    app = App().image("one", "pr-1").image("two", "main")
    graph = app.graph()
    read = {name for name in app.names.values() if graph.is_read(graph.index[digest(name)])}
    assert read == {"one", "two"}
    decision = decide_container(graph, APP, policy(PR), NOW)
    assert {app.names[each] for each in decision.unread} == {
        name for name in app.names.values() if name.startswith("one/")
    }
    assert decision.deletions == ()


def test_bundle_in_an_old_fallback_index_stays_with_its_subject() -> None:
    app = App().add("app", "v1").add("bundle", subject="app").add("fallback", parts=["bundle"])
    assert app.deleted(policy(UNTAGGED)) == ["fallback"]


def test_index_that_is_declared_a_leaf_takes_its_parts_along() -> None:
    app = App().add("leaf").add("inner", parts=["leaf"]).add("main", "main")
    app.add("outer", "pr-1", parts=["inner"])
    assert app.deleted(policy(PR)) == ["outer", "inner", "leaf"]


@pytest.mark.parametrize("types", [(IMAGE, INDEX), (INDEX, IMAGE)])
def test_declared_leaf_is_read_if_another_index_declares_it_otherwise(
    types: tuple[str, str],
) -> None:
    app = App().add("leaf").add("inner", parts=["leaf"])
    for name, part_type in zip(("one", "two"), types, strict=True):
        app.add(name, f"main-{name}", parts=["inner"], part_type=part_type)
    assert app.deleted(policy(UNTAGGED)) == []


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_order_of_the_listing_has_no_effect(order: tuple[int, ...]) -> None:
    app = App().add("leaf").add("inner", parts=["leaf"])
    app.add("outer", "pr-1", parts=["inner"], part_type=INDEX).add("main", "main")
    app.versions = [app.versions[i] for i in order]
    assert app.deleted(policy(PR)) == ["outer", "inner", "leaf"]


def test_tagged_manifests_are_read_first_and_the_newest_of_the_others() -> None:
    app = App().add("a", age=3).add("b", "v1", age=9).add("c", age=1).add("d", "v2", age=5)
    graph = VersionGraph(app.versions)
    assert graph.next_to_read() == [digest("d"), digest("b")]
    for name in ("d", "b"):
        graph.add(app.manifests[digest(name)])
    assert graph.next_to_read() == [digest("c"), digest("a")]


def test_last_tagged_image_stays_and_is_the_newest() -> None:
    app = App().add("one", "pr-1").add("two", "pr-2").add("three")
    app.add("two.sig", helper_tag("two", ".sig"))
    assert app.deleted(policy(f"{PR}\n[[rule]]\n{UNTAGGED}")) == ["three", "one"]
    assert app.held(policy(PR)) == {"two": "the last tagged image of the package"}


def test_last_version_stays() -> None:
    app = App().add("one").add("two")
    assert app.deleted(policy(UNTAGGED)) == ["one"]
    assert app.held(policy(UNTAGGED)) == {"two": "the last image of the package"}
    assert App().add("only").deleted(policy(UNTAGGED)) == []
    assert App().deleted(policy(UNTAGGED)) == []


def test_young_version_stays_with_its_parts() -> None:
    rules = policy(UNTAGGED, 'min-age = "1d"')
    app = App().add("main", "main").image("push", age=0.9)
    assert app.deleted(rules) == []
    assert app.held(rules)["push"] == "younger than min-age 1d"


def test_children_of_a_push_in_progress_stay() -> None:
    app = App().add("main", "main").add("amd64", age=0.1).add("arm64", age=0.1)
    assert app.deleted(policy(UNTAGGED, 'min-age = "1d"')) == []


def test_young_part_is_kept_although_its_image_is_deleted() -> None:
    app = App().add("part", age=0).add("old", parts=["part"]).add("main", "main")
    rules = policy(UNTAGGED, 'min-age = "1d"')
    assert app.deleted(rules) == ["old"]
    assert app.held(rules) == {"part": "younger than min-age 1d"}


def test_protected_digest_is_kept_with_its_parts_under_any_tag() -> None:
    app = App().image("one", "pr-1").image("two", "pr-2").add("main", "main")
    rules = policy(PR, f'protect-digests = ["{digest("one")}", "{digest("two/arm64")}"]')
    assert set(app.deleted(rules)) == {"two", "two/amd64", "two/amd64-att", "two/arm64-att"}
    assert app.held(rules) == dict.fromkeys(["one", "two/arm64"], "its digest is protected")


def test_reasons_name_the_image() -> None:
    app = App().add("amd64").add("app", "pr-1", parts=["amd64"])
    app.add("sig", helper_tag("app", ".sig")).add("main", "main")
    assert [each.reason for each in app.decide(policy(OLD + "\nkeep-newest = 1")).deletions] == [
        "rule 'old': all its tags match, older than 50d, not one of the newest 1",
        "part of app:pr-1",
        "refers to app:pr-1",
    ]


def test_every_version_is_explained_once() -> None:
    app = signed().add("orphan", subject="absent").add("young", age=0)
    explained = [version for _, version, _, _ in app.decide(policy(PR)).explain()]
    assert sorted(explained) == sorted(app.names)


def test_name_that_is_no_digest_is_refused() -> None:
    with pytest.raises(InvalidResponse, match=r"version 1: '1\.0' is not a digest"):
        VersionGraph([ListedVersion(1, "1.0", (), NOW, NOW)])


def test_digest_that_two_versions_have_is_refused() -> None:
    versions = [ListedVersion(i, digest("a"), (), NOW, NOW) for i in (1, 2)]
    with pytest.raises(InvalidResponse, match="two versions have the same digest"):
        VersionGraph(versions)


@pytest.mark.parametrize(
    ("deleted", "read_all", "problem"),
    [
        ({"leaf"}, True, "needs a deleted one"),
        ({"signature"}, True, "loses its referrer"),
        ({"app", "leaf", "signature"}, True, "no version, or no tagged image"),
        ({"leaf"}, False, "was not read"),
    ],
)
def test_violated_invariant_is_found(deleted: set[str], read_all: bool, problem: str) -> None:
    app = App().add("leaf").add("app", "v1", parts=["leaf"]).add("signature", subject="app")
    graph = app.add("untagged").graph(read_all=read_all)
    with pytest.raises(AssertionError, match=problem):
        graph.check({graph.index[digest(name)] for name in deleted})


@pytest.mark.slow
def test_hundred_thousand_versions_in_seconds() -> None:
    app = App()
    for number in range(20_000):
        app.image(f"i{number}", f"pr-{number}", age=100 + number)
    rules = policy('name = "pr"\ntags = ["pr-*"]\nkeep-newest = 5000')
    start = time.process_time()
    decision = app.decide(rules)
    assert time.process_time() - start < 10
    assert len(decision.deletions) == 75_000


@pytest.mark.slow
def test_memory_of_a_large_package() -> None:
    app = App()
    for number in range(2_000):
        app.image(f"i{number}", f"pr-{number}", age=100 + number)
    tracemalloc.start()
    app.decide(policy('name = "pr"\ntags = ["pr-*"]\nkeep-newest = 500'))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak / 10_000 * 100_000 < 300e6, "100,000 versions must fit in 400 MB with their rest"


def test_ages_count_from_the_later_of_both_times() -> None:
    changed = NOW - timedelta(days=2)
    version = ListedVersion(1, digest("a"), (), NOW - timedelta(days=9), changed)
    assert version.changed_at == changed


def test_media_types_of_the_rig_are_known() -> None:
    assert not App().add("a", media_type=IMAGE).manifests[digest("a")].is_opaque
